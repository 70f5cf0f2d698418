from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from orders import an_order

from autopilot.domain.booking import (
    Booked,
    book_fills,
    is_rest_before_entry,
    is_unsellable_rest,
    write_off,
)
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side
from autopilot.domain.portfolio import Position

MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))
ENTRY = an_order("entry", created_at_ms=1, strategy="rsi")
EXIT = replace(
    ENTRY,
    client_order_id="exit",
    side=Side.SELL,
    purpose=Purpose.TAKE_PROFIT,
    status=OrderStatus.CANCELED,
    filled=Decimal("0.5"),
    created_at_ms=6,
    updated_at_ms=8,
)


def fill(order: Order, quantity: str, price: str, at_ms: int = 5) -> Fill:
    return Fill(
        fill_id="f",
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(1),
        fee_currency="USD",
        is_maker=False,
        at_ms=at_ms,
    )


def no_exit(since_ms: int) -> Order | None:
    """The past of a symbol that was never sold."""
    return None


def bought(quantity: str = "1") -> Position:
    return Position.opened_by(fill(ENTRY, quantity, "100"), ENTRY)


def test_the_first_fill_opens_a_position_and_the_last_one_ends_a_round_trip() -> None:
    opened = book_fills(None, ENTRY, [fill(ENTRY, "1", "100"), fill(ENTRY, "1", "102")], no_exit, None)
    assert opened.position
    assert (opened.position.quantity, opened.position.cost, opened.ended) == (2, 204, ())
    closed = book_fills(opened.position, EXIT, [fill(EXIT, "2", "110", at_ms=7)], no_exit, None)
    (trip,) = closed.ended
    assert (closed.position, trip.net, trip.closed_at_ms, trip.written_off) == (None, 15, 7, 0)
    assert (trip.exit_purpose, trip.quantity, trip.exit_price) == (Purpose.TAKE_PROFIT, 2, 110)


def test_without_fills_and_without_a_rest_nothing_changes() -> None:
    assert book_fills(None, ENTRY, [], no_exit, MARKET) == Booked(None)
    assert book_fills(bought(), EXIT, [], no_exit, MARKET) == Booked(bought())


def test_a_rest_that_cannot_be_sold_is_written_off_when_its_exit_is_over() -> None:
    sold = [fill(EXIT, "0.9991", "110", at_ms=7)]
    kept = book_fills(bought(), EXIT, sold, no_exit, None)
    assert kept.position
    assert (kept.position.quantity, kept.ended) == (Decimal("0.0009"), ())
    ended = book_fills(bought(), EXIT, sold, no_exit, MARKET)
    (trip,) = ended.ended
    assert (ended.position, trip.written_off, trip.closed_at_ms) == (None, Decimal("0.0009"), 8)
    assert trip.net == Decimal("0.9991") * 110 - 1 - 101


def test_an_entry_after_an_exit_left_a_rest_begins_a_position_of_its_own() -> None:
    later = replace(ENTRY, client_order_id="later", created_at_ms=9)
    asked_since: list[int] = []

    def last_exit(since_ms: int) -> Order:
        asked_since.append(since_ms)
        return EXIT

    booked = book_fills(bought("0.0009"), later, [fill(later, "1", "120", at_ms=10)], last_exit, MARKET)
    (trip,) = booked.ended
    assert (trip.written_off, trip.exit_purpose, trip.closed_at_ms) == (Decimal("0.0009"), EXIT.purpose, 8)
    assert booked.position
    assert (booked.position.quantity, booked.position.opened_at_ms, asked_since) == (1, 10, [5])


@pytest.mark.parametrize(("quantity", "left", "trips"), [("0.4", "0.6", 0), ("1", "0", 0)])
def test_a_write_off_forgets_that_it_was_bought(quantity: str, left: str, trips: int) -> None:
    booked = write_off(bought(), Decimal(quantity), 9)
    assert (booked.position.quantity if booked.position else 0) == Decimal(left)
    assert len(booked.ended) == trips, "what was never bought was no round trip"


def test_a_write_off_of_all_that_a_sale_left_ends_the_round_trip_with_what_was_sold() -> None:
    booked = write_off(bought().after(fill(EXIT, "0.4", "110"), EXIT), Decimal("0.6"), 9)
    (trip,) = booked.ended
    assert (booked.position, trip.quantity, trip.exit_purpose) == (None, Decimal("0.4"), Purpose.FLATTEN)
    assert (trip.closed_at_ms, trip.written_off) == (9, 0)


@pytest.mark.parametrize(
    ("sale", "entry", "left"),
    [
        ({"created_at_ms": 5, "status": OrderStatus.CANCELED}, 6, True),
        ({"created_at_ms": 5, "status": OrderStatus.OPEN}, 6, False),
        ({"created_at_ms": 4, "status": OrderStatus.FILLED}, 6, False),
        ({"created_at_ms": 6, "status": OrderStatus.FILLED}, 6, False),
    ],
    ids=["before the entry", "not over", "before the position", "with the entry"],
)
def test_the_rest_of_a_sale_before_an_entry(sale: dict[str, Any], entry: int, left: bool) -> None:
    assert is_rest_before_entry(bought(), replace(EXIT, **sale), replace(ENTRY, created_at_ms=entry)) is left


@pytest.mark.parametrize(
    ("quantity", "changes", "is_rest"),
    [
        ("0.0009", {}, True),
        ("0.001", {}, False),
        ("0.0009", {"status": OrderStatus.OPEN}, False),
        ("0.0009", {"created_at_ms": 4}, False),
        ("0.0009", {"side": Side.BUY}, False),
        ("0.0009", {"status": OrderStatus.REJECTED, "filled": Decimal(0)}, False),
        ("0.0009", {"status": OrderStatus.FILLED, "quantity": Decimal("0.0008"), "filled": Decimal("0.0008")}, False),
    ],
    ids=[
        "below the least amount",
        "enough to sell",
        "not over",
        "an older exit",
        "an entry",
        "refused because the minimum was raised",
        "kept by the user before the minimum was raised",
    ],
)
def test_an_unsellable_rest(quantity: str, changes: dict[str, Any], is_rest: bool) -> None:
    assert is_unsellable_rest(bought(quantity), replace(EXIT, **changes), MARKET) is is_rest
