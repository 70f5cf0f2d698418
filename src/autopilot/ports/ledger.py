"""Our own books: decisions, orders, fills, positions. Every method is one transaction and raises StoreError."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autopilot.domain.decision import Decision
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order
from autopilot.domain.passed_candles import PassedCandles
from autopilot.domain.portfolio import Position, RoundTrip, SymbolRecord
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class EquityMark:
    """An account's equity in one currency, its free cash, and the marks that the loss limits measure from.

    ``own_cash``: the cash the account would have if we had never traded; None in marks written before it was stored.
    Its changes are deposits and withdrawals, and the marks follow them: they are neither gain nor loss.
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
    """The daemon is the only writer."""

    def record_decision(self, decision: Decision, mark: EquityMark) -> bool:
        """Store the decision, its order if any, and the equity mark, all or nothing, durably if there is an order.
        Returns False if this candle was decided before; nothing is written then."""

    def last_decided_at_ms(self, account: str, symbol: str, timeframe: Timeframe) -> int | None:
        """Open time of the last candle decided or passed over."""

    def last_price(self, account: str, symbol: str) -> float | None:
        """The close of the last candle decided, at any timeframe."""

    def save_order(self, order: Order) -> None:
        """Insert or update, durably."""

    def apply_fills(self, order: Order, fills: Sequence[Fill], market: Market | None = None) -> tuple[Fill, ...]:
        """Store the order's new state and its new ``fills``, and update the position and the round trips, all or
        nothing, durably. Returns the fills that were new.

        With ``market``, a position of which an exit that is over left less than can be sold is written off: its round
        trip ends. Applying the same again changes nothing.
        """

    def order(self, client_order_id: str) -> Order | None: ...

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Order, ...]:
        """All orders that are not final, oldest first."""

    def last_exit(self, account: str, symbol: str, since_ms: int) -> Order | None:
        """The latest sell order created at or after ``since_ms``, in any status."""

    def refused_exit(self, position: Position) -> RefusedExit | None:
        """The sales of the position that the exchange refused since it last accepted an order of the symbol, in the
        order of storing, whatever the clocks said."""

    def positions(self, account: str) -> tuple[Position, ...]:
        """All open positions."""

    def symbol_history(self, account: str, symbol: str, day_start_ms: int) -> SymbolRecord:
        """``trades_today`` counts entries approved at or after ``day_start_ms``. Consecutive losses are counted by
        the end of their round trips."""

    def round_trips_since(self, account: str, since_ms: int) -> tuple[RoundTrip, ...]:
        """The round trips of all symbols that ended at or after ``since_ms``, by their end, then in the order of
        booking."""

    def traded_cash(self, account: str, currency: str) -> Decimal:
        """The sum that all our fills added to a quote currency, after fees; negative if they took more."""

    def equity_mark(self, account: str, currency: str) -> EquityMark | None:
        """The latest mark in this currency, if any."""


class DecisionLedger(Ledger, Protocol):
    """The books of cycles, which may pass candles over."""

    def pass_over(self, passed: PassedCandles) -> bool:
        """Store that these candles are never decided. Returns False if they continue those that were passed over
        before, for the same reason."""


class WriteOffs(Protocol):
    """Corrects the books on the user's order. Raises StoreError."""

    def write_off(self, position: Position, quantity: Decimal, price: Decimal, at_ms: int) -> tuple[RoundTrip, ...]:
        """Take ``quantity`` of the position out of the books, as if it had been withdrawn at this price. If nothing
        is left, a round trip that sold some of it before ends, and is returned. Durable."""


class SampleStore(Protocol):
    """Performance samples. Raises StoreError."""

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        """Idempotent: exchange, symbol, timeframe and candle identify a sample."""

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        """The samples whose candle opened at or after ``since_ms``, oldest first."""

    def samples_of(
        self, exchange: str, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> tuple[PerformanceSample, ...]:
        """The first ``limit`` of one symbol, or as many as there are."""

    def sampled_symbols(self, exchange: str, timeframe: Timeframe) -> tuple[str, ...]:
        """The symbols that have samples."""
