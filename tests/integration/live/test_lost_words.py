"""The scenes in which freqtrade, run against the same exchange, buys twice, forgets an order or dies. The third, a kill
with an answer in flight, stands in test_kill_points."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import MINUTE_MS

UNKNOWN = "EOrder:Unknown order"


def calls(live: Any, name: str) -> int:
    return [asked for asked, _ in live.exchange.asked].count(name)


@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT])
@pytest.mark.parametrize("fault", ["reset after", "hang after"])
async def test_two_lost_answers_make_one_order_and_it_is_known(live: Any, fault: str, kind: OrderType) -> None:
    """freqtrade: 3 filled orders at the exchange, 1 in its database."""
    live.exchange.faults["AddOrder"] = [fault, fault]
    order = live.intend(kind)
    for _ in range(3):
        await live.follow()
    await live.reconcile()
    assert (len(live.exchange.orders), calls(live, "AddOrder")) == (1, 1)
    assert live.order(order).exchange_order_id in live.exchange.orders
    live.assert_agreed()


@pytest.mark.parametrize("answer", [OrderStatus.OPEN, OrderStatus.UNKNOWN], ids=["answered", "answer lost"])
@pytest.mark.parametrize("call", ["OpenOrders", "ClosedOrders", "QueryOrders"])
async def test_an_unknown_order_at_restart_ends_nothing(live: Any, call: str, answer: OrderStatus) -> None:
    """freqtrade: the process dies, the order lives on."""
    live.exchange.faults["AddOrder"] = ["reset after"] if answer is OrderStatus.UNKNOWN else []
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    (theirs,) = live.exchange.orders.values()
    live.restart()
    live.exchange.faults[call] = [UNKNOWN]
    live.exchange.fill(theirs, Decimal("0.01"))
    await live.reconcile()
    assert live.order(order).status is OrderStatus.FILLED
    assert len(live.exchange.orders) == 1
    live.assert_agreed()


async def test_an_order_that_is_not_shown_for_a_while_is_neither_dropped_nor_sent_again(live: Any) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    (theirs,) = live.exchange.orders.values()
    live.restart()
    del live.exchange.orders[theirs.order_id]
    for _ in range(3):
        live.clock.at_ms += MINUTE_MS
        with pytest.raises(MarketUnavailable, match="does not know order"):
            await live.desk.reconcile(live.market)
    assert live.order(order).status is OrderStatus.OPEN
    live.exchange.orders[theirs.order_id] = theirs
    live.exchange.fill(theirs, Decimal("0.01"))
    await live.reconcile(1)
    assert live.order(order).status is OrderStatus.FILLED
    assert len(live.exchange.orders) == 1
    live.assert_agreed()
