"""Streams of an exchange: hints, beside the requests that are the record."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from autopilot.domain.market import Quote
from autopilot.domain.timeframe import Timeframe


class StreamState(StrEnum):
    """The state of a symbol's streams. In every state but ``LIVE`` the exchange is only polled."""

    OFF = "off"
    """Switched off, or the exchange has none."""
    CONNECTING = "connecting"
    LIVE = "live"
    SILENT = "silent"
    """Nothing came while the exchange's price changed. The connection is replaced."""
    REFUSED = "refused"
    """The exchange does not give it. It is asked again after a long pause."""


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """``since_ms``: since when, by the exchange's clock. ``detail``: the last trouble, in words, or empty."""

    state: StreamState
    since_ms: int
    detail: str = ""


class StreamListener(Protocol):
    """Hears the streams of one symbol. Methods return at once and raise nothing."""

    def on_news(self) -> None:
        """A candle seems to have closed, or something may have been missed: ask the exchange."""

    def on_price(self, quote: Quote) -> None:
        """The latest price, and when: the exchange's time, or that of its arrival."""


class MarketStreams(Protocol):
    """The streams of one exchange. Methods raise nothing."""

    def subscribe(self, symbol: str, timeframe: Timeframe, listener: StreamListener) -> None:
        """Returns at once, inside a running event loop. A second call for a symbol replaces the first."""

    def unsubscribe(self, symbol: str) -> None:
        """Does nothing for a symbol that is not subscribed."""

    def compare(self, quote: Quote) -> None:
        """The exchange answered a request so. A stream that is silent while its answers change is replaced."""

    def status(self, symbol: str) -> StreamStatus | None:
        """None for a symbol that is not subscribed."""

    async def close(self) -> None:
        """End all streams. No task and no connection is left."""
