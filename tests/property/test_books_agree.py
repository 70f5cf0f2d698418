"""The books of a backtest and those of the daemon remember the same past, whatever fills come in whatever order."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from orders import an_order

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.backtest.books import MemoryBooks
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side

ACCOUNT = "paper:simulated"
SYMBOLS = ("BTC/USD", "ETH/USD", "SOL/EUR")
MOMENTS = st.integers(0, 12)
MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
"""Whose least amount is that of all."""
Booked = tuple[Order, tuple[Fill, ...]]


@st.composite
def orders(draw: st.DrawFn) -> list[Booked]:
    """Made one after the other, with a fill of one coin each or almost one, at moments that may go back or repeat."""
    booked = []
    for number in range(draw(st.integers(1, 30))):
        purpose = draw(st.sampled_from(Purpose))
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
            updated_at_ms=at_ms,
        )
        fill = Fill(
            fill_id=f"{number}",
            client_order_id=order.client_order_id,
            account=ACCOUNT,
            symbol=symbol,
            side=side,
            quantity=draw(st.sampled_from([Decimal(1), Decimal("0.9995")])),
            price=draw(st.sampled_from([Decimal(99), Decimal(100), Decimal(101)])),
            fee=draw(st.sampled_from([Decimal(0), Decimal(1), Decimal("0.01")])),
            fee_currency=symbol.partition("/")[2],
            is_maker=False,
            at_ms=at_ms,
        )
        booked.append((order, (fill,)))
    return booked


@settings(max_examples=150)
@given(booked=orders(), since_ms=MOMENTS)
def test_both_books_remember_the_same(booked: list[Booked], since_ms: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        database = open_database(Path(directory) / "autopilot.db")
        stored, kept = SqliteLedger(database), MemoryBooks()
        for order, fills in booked:
            stored.apply_fills(order, fills, MARKET)
            kept.apply_fills(order, fills, MARKET)
        assert stored.positions(ACCOUNT) == kept.positions(ACCOUNT)
        for symbol in SYMBOLS:
            assert stored.symbol_history(ACCOUNT, symbol, since_ms) == kept.symbol_history(ACCOUNT, symbol, since_ms)
        for currency in ("USD", "EUR"):
            assert stored.traded_cash(ACCOUNT, currency) == kept.traded_cash(ACCOUNT, currency)
        recent = stored.round_trips_since(ACCOUNT, since_ms)
        assert recent == kept.round_trips_since(ACCOUNT, since_ms)
        for symbol in SYMBOLS:
            traded = [fill for _, fills in booked for fill in fills if fill.symbol == symbol]
            left = sum((fill.quantity if fill.side is Side.BUY else -fill.quantity) for fill in traded)
            held = sum(position.quantity for position in kept.positions(ACCOUNT) if position.symbol == symbol)
            assert held == left - sum(trip.written_off for trip in kept.round_trips if trip.symbol == symbol)
        ended = [trip for trip in kept.round_trips if trip.closed_at_ms >= since_ms]
        assert recent == tuple(sorted(ended, key=lambda trip: trip.closed_at_ms))
        database.close()
