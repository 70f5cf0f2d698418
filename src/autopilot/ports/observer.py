"""Receivers of the engine's prices and events."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from autopilot.domain.candles import Candle
from autopilot.domain.market import Market, Quote
from autopilot.domain.timeframe import Timeframe


class PriceObserver(Protocol):
    """Receives the prices that the engine sees: the paper exchange fills orders with them. A real exchange needs no
    observer."""

    def on_candle(self, market: Market, timeframe: Timeframe, candle: Candle) -> None:
        """A candle closed. Seeing the same candle again changes nothing."""

    def on_price(self, market: Market, price: float, at_ms: int) -> None:
        """A price between two closes."""

    def because_of(self, quote: Quote) -> AbstractContextManager[None]:
        """Inside, all that the engine does follows from this price between two closes. It is kept if it changes
        something, so that the same can be done again."""


class EventSink(Protocol):
    """Takes the engine's events. It must not raise and must not block."""

    def publish(self, kind: str, subject: object, **more: object) -> None:
        """Publish ``subject``, a domain value or a mapping, as a document with ``more`` beside its fields."""
