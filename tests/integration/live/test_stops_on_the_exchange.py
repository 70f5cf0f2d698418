"""A position's stop as an order on the exchange: there is one, it fits what is held, and nothing is sold twice."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from loopback_exchange import Why

from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings

EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), 60 * MINUTE_MS)
STOP, TARGET = Decimal(29_000), Decimal(33_000)
TOUCHED = ExitOrder(Purpose.STOP_LOSS, STOP, "the stop was touched")
REACHED = ExitOrder(Purpose.TAKE_PROFIT, TARGET, "the target was reached")


async def entered(live: Any, kind: OrderType = OrderType.MARKET) -> Order:
    order: Order = live.intend(kind, stop=STOP, target=TARGET)
    await live.follow()
    return order


async def protected(live: Any) -> Any:
    """The stop order there, after a minute."""
    live.clock.at_ms += MINUTE_MS
    await live.desk.follow(live.market)
    await live.desk.protect(live.market, EXITS)
    resting = [each for each in live.exchange.orders.values() if each.kind == "stop-loss" and each.status == "open"]
    assert len(resting) <= 1
    return resting[0] if resting else None


@pytest.fixture
def guarded(live: Any) -> Any:
    live.guard()
    return live


async def test_what_is_held_has_one_stop_of_its_size(guarded: Any) -> None:
    await entered(guarded)
    stop = await protected(guarded)
    assert (stop.quantity, stop.price, stop.side) == (Decimal("0.01"), STOP, "sell")
    assert await protected(guarded) is stop, "one is enough"
    assert len(guarded.exchange.orders) == 2
    guarded.assert_agreed()


async def test_a_stop_between_two_prices_of_the_market_rests_at_the_lower_one(guarded: Any) -> None:
    """The market's steps may change while the position is held."""
    guarded.intend(OrderType.MARKET, stop=Decimal("29000.17"), target=TARGET)
    await guarded.follow()
    stop = await protected(guarded)
    assert stop.price == Decimal("29000.1")
    assert await protected(guarded) is stop


async def test_it_grows_with_the_position(guarded: Any) -> None:
    entry = await entered(guarded, OrderType.LIMIT)
    (theirs,) = guarded.exchange.named(entry.client_order_id)
    assert await protected(guarded) is None
    guarded.exchange.fill(theirs, Decimal("0.004"))
    first = await protected(guarded)
    guarded.exchange.fill(theirs, Decimal("0.006"))
    second = await protected(guarded)
    assert (first.status, first.quantity, second.quantity) == ("canceled", Decimal("0.004"), Decimal("0.01"))
    guarded.assert_agreed()


async def test_it_sells_while_nobody_looks_and_is_counted_once(guarded: Any) -> None:
    await entered(guarded)
    stop = await protected(guarded)
    guarded.exchange.fill(stop, stop.quantity, Decimal(28_990))
    guarded.clock.at_ms += MINUTE_MS
    await guarded.desk.reconcile(guarded.market)
    await guarded.desk.exit_position(TOUCHED, guarded.market, EXITS)
    await guarded.desk.protect(guarded.market, EXITS)
    assert guarded.ledger.positions("live:kraken") == ()
    (trip,) = guarded.database.rows("SELECT exit_purpose FROM round_trips")
    assert trip["exit_purpose"] == "stop_loss"
    assert len(guarded.exchange.orders) == 2
    guarded.assert_agreed()


@pytest.mark.parametrize("trigger", [TOUCHED, REACHED], ids=["stop", "target"])
@pytest.mark.parametrize("sold_before", ["0", "0.004", "0.01"])
async def test_another_exit_takes_its_place(guarded: Any, trigger: ExitOrder, sold_before: str) -> None:
    """Whatever the stop sold before it could be canceled, all is sold once."""
    await entered(guarded)
    stop = await protected(guarded)
    guarded.exchange.fill(stop, Decimal(sold_before), STOP)
    guarded.clock.at_ms += 1
    await guarded.desk.exit_position(trigger, guarded.market, EXITS)
    for each in list(guarded.exchange.orders.values()):
        if each.status == "open" and each.kind == "limit":
            guarded.exchange.fill(each, each.quantity)
    assert stop.status in ("canceled", "closed")
    await guarded.reconcile()
    sold = sum((each.filled for each in guarded.exchange.orders.values() if each.side == "sell"), Decimal(0))
    assert sold == Decimal("0.01")
    assert guarded.ledger.positions("live:kraken") == ()
    guarded.assert_agreed()


@pytest.mark.parametrize("fault", ["reset before", "hang after", "500 before", "502 after"])
async def test_while_its_end_is_not_certain_nothing_else_is_sold(guarded: Any, fault: str) -> None:
    await entered(guarded)
    stop = await protected(guarded)
    guarded.exchange.faults["CancelOrder"] = [fault, fault]
    exit_ = guarded.intend(OrderType.MARKET, side=Side.SELL)
    await guarded.follow()
    sold = [each for each in guarded.exchange.orders.values() if each.side == "sell"]
    assert sold == [stop]
    await guarded.reconcile()
    assert guarded.order(exit_).status is OrderStatus.FILLED
    assert stop.status == "canceled"
    guarded.assert_agreed()


async def test_one_that_is_refused_is_tried_again_after_longer_and_longer_pauses(guarded: Any) -> None:
    await entered(guarded)
    guarded.exchange.refusing = Why.LOCKED
    for _ in range(180):
        assert await protected(guarded) is None
    assert [name for name, _ in guarded.exchange.asked].count("AddOrder") == 1 + 11
    guarded.exchange.refusing = None
    for _ in range(60):
        stop = await protected(guarded)
    assert stop.quantity == Decimal("0.01")
    guarded.assert_agreed()


async def test_one_that_is_refused_holds_up_no_other_exit(guarded: Any) -> None:
    await entered(guarded)
    guarded.exchange.faults["AddOrder"] = ["refused before"]
    assert await protected(guarded) is None
    await guarded.desk.exit_position(TOUCHED, guarded.market, EXITS)
    assert guarded.ledger.positions("live:kraken") == ()
    guarded.assert_agreed()


async def test_without_the_wish_there_is_none(guarded: Any) -> None:
    await entered(guarded)
    await guarded.desk.protect(guarded.market, replace(EXITS, orders=OrderSettings()))
    assert len(guarded.exchange.orders) == 1


async def test_a_stop_that_moved_moves_there(guarded: Any) -> None:
    await entered(guarded)
    first = await protected(guarded)
    (held,) = guarded.ledger.positions("live:kraken")
    with guarded.database.transaction(durable=False) as connection:
        connection.execute("UPDATE positions SET stop = '29500' WHERE symbol = ?", (held.symbol,))
    second = await protected(guarded)
    assert (first.status, second.price) == ("canceled", Decimal(29_500))
    assert replace(held, stop=Decimal(29_500)) in guarded.ledger.positions("live:kraken")
