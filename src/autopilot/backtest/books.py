"""A ledger in memory: for a backtest what the database is for the daemon."""

# ruff: noqa: ARG002 - a port names the account; there is only one here

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from itertools import takewhile

from autopilot.domain.booking import book_fills
from autopilot.domain.decision import Decision
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, Purpose, Side
from autopilot.domain.portfolio import Position, RoundTrip, SymbolRecord
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.broker import PaperChange, PaperStore
from autopilot.ports.ledger import EquityMark, Ledger


@dataclass(slots=True)
class _SymbolBooks:
    """One symbol: its open orders by id, the ids of its entries and sales in the order of creation, its round trips
    by their end."""

    open: dict[str, Order] = field(default_factory=dict)
    entries: list[str] = field(default_factory=list)
    sales: list[str] = field(default_factory=list)
    position: Position | None = None
    trips: list[RoundTrip] = field(default_factory=list)
    last_stop_loss_at_ms: int | None = None
    last_loss_at_ms: int | None = None


class MemoryBooks(Ledger):
    """The ledger of one account. It stores no decisions."""

    def __init__(self) -> None:
        self.fills: list[Fill] = []
        self.round_trips: list[RoundTrip] = []
        self._ended: list[RoundTrip] = []
        self._orders: dict[str, Order] = {}
        self._known_fills: set[tuple[str, str]] = set()
        self._symbols: defaultdict[str, _SymbolBooks] = defaultdict(_SymbolBooks)
        self._positions: tuple[Position, ...] = ()
        self._marks: dict[str, EquityMark] = {}
        self._traded_cash: defaultdict[str, Decimal] = defaultdict(Decimal)

    @property
    def orders(self) -> Iterable[Order]:
        return self._orders.values()

    def record_decision(self, decision: Decision, mark: EquityMark) -> bool:
        """Stores only the order and the mark."""
        self.keep(mark, decision.order)
        return True

    def keep(self, mark: EquityMark, order: Order | None) -> None:
        """Store the order and the mark of a decision."""
        self._marks[mark.currency] = mark
        if order:
            self.save_order(order)

    def last_decided_at_ms(self, account: str, symbol: str, timeframe: Timeframe) -> int | None:
        return None

    def last_price(self, account: str, symbol: str) -> float | None:
        return None

    def save_order(self, order: Order) -> None:
        books, name = self._symbols[order.symbol], order.client_order_id
        if name not in self._orders:
            if order.purpose is Purpose.ENTRY:
                books.entries.append(name)
            if order.side is Side.SELL:
                books.sales.append(name)
        self._orders[name] = order
        if order.status.is_final:
            books.open.pop(name, None)
        else:
            books.open[name] = order

    def apply_fills(self, order: Order, fills: Sequence[Fill], market: Market | None = None) -> tuple[Fill, ...]:
        in_order = sorted(fills, key=lambda fill: fill.at_ms)
        new = [each for each in in_order if (each.symbol, each.fill_id) not in self._known_fills]
        self.fills += new
        self._known_fills.update((each.symbol, each.fill_id) for each in new)
        self.save_order(order)
        currency, books = split_symbol(order.symbol)[1], self._symbols[order.symbol]
        self._traded_cash[currency] = sum((each.cash for each in new), self._traded_cash[currency])
        booked = book_fills(books.position, order, new, partial(self.last_exit, order.account, order.symbol), market)
        books.position = booked.position
        self._positions = tuple(each.position for _, each in sorted(self._symbols.items()) if each.position)
        for trip in booked.ended:
            self._keep_ended(trip)
        return tuple(new)

    def order(self, client_order_id: str) -> Order | None:
        return self._orders.get(client_order_id)

    def open_orders(self, account: str, symbol: str | None = None) -> tuple[Order, ...]:
        if symbol is not None:
            found = self._symbols[symbol].open
            return tuple(found.values()) if len(found) < 2 else _oldest_first(found.values())
        return _oldest_first(order for books in self._symbols.values() for order in books.open.values())

    def last_exit(self, account: str, symbol: str, since_ms: int) -> Order | None:
        sales = self._since(self._symbols[symbol].sales, since_ms)
        return max(sales, key=lambda order: (order.created_at_ms, order.updated_at_ms), default=None)

    def refused_exit(self, position: Position) -> RefusedExit | None:
        sales = self._since(self._symbols[position.symbol].sales, position.opened_at_ms)
        refused = list(takewhile(lambda order: order.status is OrderStatus.REJECTED, sales))
        return RefusedExit(refused[-1], refused[0], len(refused)) if refused else None

    def positions(self, account: str) -> tuple[Position, ...]:
        return self._positions

    def symbol_history(self, account: str, symbol: str, day_start_ms: int) -> SymbolRecord:
        books = self._symbols[symbol]
        today = self._since(books.entries, day_start_ms)
        return SymbolRecord(
            trades_today=sum(order.status is not OrderStatus.REJECTED for order in today),
            last_stop_loss_at_ms=books.last_stop_loss_at_ms,
            consecutive_losses=sum(1 for _ in takewhile(_is_loss, reversed(books.trips))),
            last_loss_at_ms=books.last_loss_at_ms,
            last_exit_at_ms=books.trips[-1].closed_at_ms if books.trips else None,
        )

    def round_trips_since(self, account: str, since_ms: int) -> tuple[RoundTrip, ...]:
        return tuple(self._ended[bisect_left(self._ended, since_ms, key=_end) :])

    def traded_cash(self, account: str, currency: str) -> Decimal:
        return self._traded_cash[currency]

    def equity_mark(self, account: str, currency: str) -> EquityMark | None:
        return self._marks.get(currency)

    def _since(self, names: Sequence[str], since_ms: int) -> Iterator[Order]:
        """Those of the orders, which are in the order of creation, that were created since then; the newest first."""
        newest = (self._orders[name] for name in reversed(names))
        return takewhile(lambda order: order.created_at_ms >= since_ms, newest)

    def _keep_ended(self, trip: RoundTrip) -> None:
        books = self._symbols[trip.symbol]
        self.round_trips.append(trip)
        insort(self._ended, trip, key=_end)
        insort(books.trips, trip, key=_end)
        if trip.exit_purpose is Purpose.STOP_LOSS:
            books.last_stop_loss_at_ms = max(books.last_stop_loss_at_ms or 0, trip.closed_at_ms)
        if _is_loss(trip):
            books.last_loss_at_ms = max(books.last_loss_at_ms or 0, trip.closed_at_ms)


def _end(trip: RoundTrip) -> int:
    return trip.closed_at_ms


def _is_loss(trip: RoundTrip) -> bool:
    return trip.net < ZERO


def _oldest_first(orders: Iterable[Order]) -> tuple[Order, ...]:
    return tuple(sorted(orders, key=lambda order: (order.created_at_ms, order.client_order_id)))


class MemoryPaper(PaperStore):
    """The paper exchange's storage of one account."""

    def __init__(self) -> None:
        self.balances: Mapping[str, Decimal] = {}
        self._orders: dict[str, tuple[Order, OrderReport]] = {}

    def load_paper(self, account: str) -> tuple[Mapping[str, Decimal], tuple[tuple[Order, OrderReport], ...]]:
        return self.balances, tuple(each for each in self._orders.values() if not each[1].status.is_final)

    def find_paper_order(self, account: str, client_order_id: str) -> tuple[Order, OrderReport] | None:
        return self._orders.get(client_order_id)

    def save_paper(self, change: PaperChange) -> None:
        self.balances = change.balances
        for order, report in change.orders:
            self._orders[order.client_order_id] = (order, report)
