"""Our own books: decisions, orders, fills, positions. Every method is one transaction and raises StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autopilot.domain.decision import Decision
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order
from autopilot.domain.portfolio import Position, RoundTrip, SymbolRecord
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class EquityMark:
    """An account's equity in one currency, what of it is free cash, and the marks that the loss limits measure from.

    ``own_cash``: the cash there would be had we never traded; None in a mark from before it was kept. Where it changes,
    money was paid in or taken out, and the marks follow it: that is neither gain nor loss.
    """

    account: str
    currency: str
    at_ms: int
    free: Decimal
    equity: Decimal
    day_start_equity: Decimal
    peak_equity: Decimal
    start_equity: Decimal
    own_cash: Decimal | None = None


class Ledger(Protocol):
    """The daemon is its only writer."""

    def record_decision(self, decision: Decision, mark: EquityMark) -> bool:
        """Store the decision, its order intent if any, and the equity mark, all or nothing, durably when there is
        an order. False when this candle was decided before: then nothing is written."""
        ...

    def last_decided_at_ms(self, account: str, symbol: str, timeframe: Timeframe) -> int | None:
        """Open time of the last candle decided."""
        ...

    def last_price(self, account: str, symbol: str) -> float | None:
        """The close of the last candle decided, at any timeframe."""
        ...

    def save_order(self, order: Order) -> None:
        """Insert or update, durably."""
        ...

    def apply_fills(self, order: Order, fills: Sequence[Fill], market: Market | None = None) -> tuple[Fill, ...]:
        """Store the order's new state and those of ``fills`` not yet known, and bring position and round trips up to
        date, all or nothing, durably. Returns the fills that were new.

        Where ``market`` is given, a position of which an exit that is over left less than can be sold is written off:
        its round trip ends. The same again finds nothing left to do.
        """
        ...

    def order(self, client_order_id: str) -> Order | None: ...

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Order, ...]:
        """All that are not final, oldest first."""
        ...

    def last_exit(self, account: str, symbol: str, since_ms: int) -> Order | None:
        """The latest sell order made at or after ``since_ms``, whatever became of it."""
        ...

    def positions(self, account: str) -> tuple[Position, ...]:
        """All that are not flat."""
        ...

    def symbol_history(self, account: str, symbol: str, day_start_ms: int) -> SymbolRecord:
        """``trades_today`` counts entries approved at or after ``day_start_ms``. Losses in a row are counted by the
        end of their round trips."""
        ...

    def round_trips_since(self, account: str, since_ms: int) -> tuple[RoundTrip, ...]:
        """Those of all symbols that ended at or after ``since_ms``, by their end, then as they were booked."""
        ...

    def traded_cash(self, account: str, currency: str) -> Decimal:
        """What all our fills together brought of a quote currency, after fees; negative for what they took."""
        ...

    def equity_mark(self, account: str, currency: str) -> EquityMark | None:
        """The latest."""
        ...


class WriteOffs(Protocol):
    """Raises StoreError."""

    def write_off(self, position: Position, quantity: Decimal, price: Decimal, at_ms: int) -> None:
        """So much of the position is not in the account any more: the books forget it, as if it had been taken out at
        this price. A round trip that sold some of it before ends, where nothing is left. Durable."""
        ...


class SampleStore(Protocol):
    """Performance samples. Raises StoreError."""

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        """Idempotent: a sample is known by exchange, symbol, timeframe and candle."""
        ...

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        """Those whose candle opened at or after ``since_ms``, oldest first."""
        ...
