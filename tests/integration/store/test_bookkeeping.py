"""What the books say of themselves, on a real file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.domain.market import Market
from autopilot.domain.order import OrderStatus, Side


def test_a_real_account_needs_no_marks_and_keeps_no_cash_here(
    ledger: Any, path: Any, make_order: Any, make_fill: Any
) -> None:
    order = make_order("first", account="live:kraken", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    ledger.apply_fills(order, [make_fill(order, 0, "1.5", "100")])
    assert check_books(path).disagreements == ()


def test_cash_is_none_the_less_for_a_fee_in_a_third_currency(
    database: Any, ledger: Any, path: Any, make_decision: Any, make_mark: Any, make_order: Any, make_fill: Any
) -> None:
    ledger.record_decision(make_decision(0), make_mark(start_equity=Decimal(1000)))
    order = make_order("first", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    ledger.apply_fills(order, [make_fill(order, 0, "1.5", "100", fee_currency="BNB")])
    database.connection.execute("INSERT INTO paper_balances VALUES (?, 'USD', '850')", (order.account,))
    assert check_books(path).disagreements == ()


def test_a_rest_that_was_not_written_down_is_missing(
    database: Any, ledger: Any, path: Any, make_order: Any, make_fill: Any
) -> None:
    entry = make_order("entry", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    leave = make_order("exit", side=Side.SELL, status=OrderStatus.FILLED, filled=Decimal("1.4995"))
    market = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
    ledger.apply_fills(entry, [make_fill(entry, 0, "1.5", "100")], market)
    ledger.apply_fills(leave, [make_fill(leave, 1, "1.4995", "100")], market)
    assert check_books(path).disagreements == ()
    database.connection.execute("UPDATE round_trips SET written_off = '0'")
    assert check_books(path).disagreements == (f"BTC/USD in {leave.account}: position 0, fills make 0.0005",)


def test_an_order_that_is_not_its_fills_is_told(ledger: Any, path: Any, make_order: Any, make_fill: Any) -> None:
    order = make_order("first", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    ledger.apply_fills(order, [make_fill(order, 0, "1.5", "100")])
    ledger.save_order(replace(order, filled=Decimal("1.4")))
    assert check_books(path).disagreements == ("order first: filled 1.4, its fills make 1.5",)


def test_what_users_write_off_is_gone_from_the_books_and_they_agree(
    ledger: Any, path: Any, make_order: Any, make_fill: Any
) -> None:
    entry = make_order("entry", account="live:kraken", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    ledger.apply_fills(entry, [make_fill(entry, 0, "1.5", "100")])
    spent = ledger.traded_cash("live:kraken", "USD")
    (held,) = ledger.positions("live:kraken")
    ledger.write_off(held, Decimal("0.5"), Decimal(120), 7)
    assert check_books(path).disagreements == ()
    assert ledger.traded_cash("live:kraken", "USD") == spent + 60
    (held,) = ledger.positions("live:kraken")
    ledger.write_off(held, held.quantity, Decimal(120), 8)
    assert check_books(path).disagreements == ()
    assert ledger.positions("live:kraken") == ()
    assert ledger.round_trips_since("live:kraken", 0) == (), "nothing of it was ever sold"


def test_a_round_trip_that_sold_something_ends_when_the_rest_is_written_off(
    ledger: Any, path: Any, make_order: Any, make_fill: Any
) -> None:
    entry = make_order("entry", status=OrderStatus.FILLED, filled=Decimal(2))
    leave = make_order("exit", side=Side.SELL, status=OrderStatus.CANCELED, filled=Decimal(1))
    ledger.apply_fills(entry, [make_fill(entry, 0, "2", "100", fee=Decimal(0))])
    ledger.apply_fills(leave, [make_fill(leave, 1, "1", "110", fee=Decimal(0))])
    (held,) = ledger.positions(entry.account)
    ledger.write_off(held, Decimal(1), Decimal(90), 9)
    (trip,) = ledger.round_trips_since(entry.account, 0)
    assert (trip.quantity, trip.exit_price, trip.net, trip.closed_at_ms) == (1, 110, 10, 9)
    assert check_books(path).disagreements == ()
