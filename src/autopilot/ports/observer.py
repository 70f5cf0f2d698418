"""Who is told what the engine sees and does."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.candles import Candle
from autopilot.domain.market import Market
from autopilot.domain.timeframe import Timeframe


class PriceObserver(Protocol):
    """The paper exchange lives on the prices that the engine sees; a real one needs none of it."""

    def on_candle(self, market: Market, timeframe: Timeframe, candle: Candle) -> None:
        """A candle closed. Seeing the same candle again changes nothing."""
        ...

    def on_price(self, market: Market, price: float, at_ms: int) -> None:
        """A price between two closes."""
        ...


class EventSink(Protocol):
    """Takes the engine's events; must not raise and must not block."""

    def publish(self, kind: str, subject: object, **more: object) -> None:
        """``subject`` is a domain value or a mapping, told as a document with ``more`` beside its fields."""
        ...
