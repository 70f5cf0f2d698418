"""The ledger of a backtest and that of the daemon agree, whatever fills arrive in whatever order, and both book as an
oracle does that reckons each round trip from the list of its fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from orders import an_order
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.backtest.books import MemoryBooks
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side
from autopilot.domain.portfolio import RoundTrip

ACCOUNT = "paper:simulated"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/EUR")
MOMENTS = st.integers(0, 12)
MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
"""Whose rules hold for all symbols."""
LEAST = Decimal("0.001")
Booked = tuple[Order, tuple[Fill, ...]]


@st.composite
def orders(draw: st.DrawFn) -> list[Booked]:
    """Made one after the other, with a fill of one coin each or almost one, at moments that may go back or repeat."""
    booked = []
    for number in range(draw(st.integers(1, 30))):
        purpose = draw(st.sampled_from([Purpose.ENTRY, *Purpose]))
        side = Side.BUY if purpose is Purpose.ENTRY else Side.SELL
        symbol, at_ms = draw(st.sampled_from(SYMBOLS)), draw(MOMENTS)
        order = an_order(
            f"order {number}",
            account=ACCOUNT,
            symbol=symbol,
            side=side,
            purpose=purpose,
            created_at_ms=number // 3,
            status=draw(st.sampled_from([OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REJECTED])),
            filled=Decimal(1),
            updated_at_ms=at_ms + draw(st.integers(0, 1)),
        )
        fill = Fill(
            fill_id=f"{number}",
            client_order_id=order.client_order_id,
            account=ACCOUNT,
            symbol=symbol,
            side=side,
            quantity=draw(st.sampled_from([Decimal(1), Decimal("0.9995")])),
            price=draw(st.sampled_from([Decimal(99), Decimal(100), Decimal(101)])),
            fee=draw(st.sampled_from([Decimal(0), Decimal("0.1"), Decimal("0.0005")])),
            fee_currency=draw(st.sampled_from([*symbol.split("/"), "BNB"])),
            is_maker=False,
            at_ms=at_ms,
        )
        booked.append((order, (fill,)))
    return booked


@dataclass
class Oracle:
    """One symbol: keeps the fills since it was flat, and reckons with fractions when a round trip ends."""

    fills: list[Fill] = field(default_factory=list)
    sales: list[Order] = field(default_factory=list)
    ended: list[tuple[object, ...]] = field(default_factory=list)

    def book(self, order: Order, fill: Fill) -> None:
        if order.side is Side.SELL:
            self.sales.append(order)
        elif self.fills:
            since = [sale for sale in self.sales if sale.created_at_ms >= self.fills[0].at_ms]
            last = max(reversed(since), key=lambda sale: (sale.created_at_ms, sale.updated_at_ms), default=None)
            if last and last.created_at_ms < order.created_at_ms and self.quantity > 0:
                self._end(last.purpose, last.updated_at_ms)
        self.fills.append(fill)
        if self.quantity == 0:
            self._end(order.purpose, fill.at_ms)
        elif order.side is Side.SELL and order.created_at_ms >= self.fills[0].at_ms and 0 < self.quantity < LEAST:
            self._end(order.purpose, order.updated_at_ms)

    @property
    def quantity(self) -> Fraction:
        return _sum(self._bought(), _received) - _sum(self._sold(), _amount)

    def _end(self, purpose: Purpose, at_ms: int) -> None:
        bought, sold = self._bought(), self._sold()
        if bought:
            amount = _sum(sold, _amount)
            net = _sum(self.fills, _cash) - _sum(sold, _coins_paid)
            entry = _sum(bought, lambda each: _received(each) * Fraction(each.price)) / _sum(bought, _received)
            exit_price = _sum(sold, _value) / amount if amount else Fraction(0)
            opened_at_ms = self.fills[0].at_ms
            prices = (_near(entry), _near(exit_price))
            self.ended.append((amount, *prices, net, opened_at_ms, at_ms, purpose, self.quantity))
        self.fills = []

    def _bought(self) -> list[Fill]:
        return [fill for fill in self.fills if fill.side is Side.BUY]

    def _sold(self) -> list[Fill]:
        return [fill for fill in self.fills if fill.side is Side.SELL]


def _sum(fills: list[Fill], what: Callable[[Fill], Fraction]) -> Fraction:
    return sum(map(what, fills), Fraction(0))


def _amount(fill: Fill) -> Fraction:
    return Fraction(fill.quantity)


def _value(fill: Fill) -> Fraction:
    return Fraction(fill.quantity) * Fraction(fill.price)


def _received(fill: Fill) -> Fraction:
    return Fraction(fill.quantity) - (Fraction(fill.fee) if fill.symbol.startswith(f"{fill.fee_currency}/") else 0)


def _coins_paid(fill: Fill) -> Fraction:
    """The value of a fee in coins."""
    return (_amount(fill) - _received(fill)) * Fraction(fill.price)


def _cash(fill: Fill) -> Fraction:
    paid = Fraction(fill.fee) if fill.symbol.endswith(f"/{fill.fee_currency}") else 0
    return (-_value(fill) if fill.side is Side.BUY else _value(fill)) - paid


def _near(price: Fraction | Decimal) -> float:
    return round(float(price), 9)


def booked_trip(trip: RoundTrip) -> tuple[object, ...]:
    prices = (_near(trip.entry_price), _near(trip.exit_price))
    return (
        trip.quantity,
        *prices,
        trip.net,
        trip.opened_at_ms,
        trip.closed_at_ms,
        trip.exit_purpose,
        trip.written_off,
    )


def _explains_itself(trip: RoundTrip) -> bool:
    gain = (Fraction(trip.exit_price) - Fraction(trip.entry_price)) * Fraction(trip.quantity)
    return abs(gain - Fraction(trip.fees) - Fraction(trip.net)) < Fraction(1, 10**20)


@settings(max_examples=150)
@given(booked=orders(), since_ms=MOMENTS)
def test_both_ledgers_book_as_the_oracle_does(booked: list[Booked], since_ms: int) -> None:
    with directory_in_memory() as directory:
        database = ready_database(Path(directory) / "autopilot.db")
        stored, kept = SqliteLedger(database), MemoryBooks()
        oracles = {symbol: Oracle() for symbol in SYMBOLS}
        for order, fills in booked:
            stored.apply_fills(order, fills, MARKET)
            kept.apply_fills(order, fills, MARKET)
            oracles[order.symbol].book(order, *fills)
        assert stored.positions(ACCOUNT) == kept.positions(ACCOUNT)
        held = {position.symbol: position.quantity for position in kept.positions(ACCOUNT)}
        for symbol, oracle in oracles.items():
            assert stored.symbol_history(ACCOUNT, symbol, since_ms) == kept.symbol_history(ACCOUNT, symbol, since_ms)
            assert held.get(symbol, 0) == oracle.quantity
            trips = [booked_trip(trip) for trip in kept.round_trips if trip.symbol == symbol]
            assert trips == oracle.ended
        assert all(_explains_itself(trip) for trip in kept.round_trips)
        for currency in ("USD", "EUR"):
            assert stored.traded_cash(ACCOUNT, currency) == kept.traded_cash(ACCOUNT, currency)
        recent = stored.round_trips_since(ACCOUNT, since_ms)
        assert recent == kept.round_trips_since(ACCOUNT, since_ms)
        ended = [trip for trip in kept.round_trips if trip.closed_at_ms >= since_ms]
        assert recent == tuple(sorted(ended, key=lambda trip: trip.closed_at_ms))
        database.close()
