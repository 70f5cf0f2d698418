"""Every fault at every call: after at most two reconciliations nothing is unknown, doubled or lost."""

from __future__ import annotations

from decimal import Decimal, getcontext
from typing import Any

import pytest
from kraken_exchange import AFTER, BEFORE

from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import HOUR_MS

FAULTS = (*BEFORE, *AFTER)
UNANSWERED = [fault for fault in FAULTS if fault != "refused before"]
KINDS = (OrderType.MARKET, OrderType.LIMIT)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_placing(live: Any, fault: str, kind: OrderType) -> None:
    live.exchange.faults["AddOrder"] = [fault]
    order = live.intend(kind)
    await live.follow()
    await live.reconcile()
    for each in live.exchange.open_by_client(order.client_order_id):
        live.exchange.fill(each, Decimal("0.004"))
    await live.reconcile(1)
    live.assert_agreed()
    expected = OrderStatus.REJECTED if fault == "refused before" else None
    assert live.order(order).status is (expected or live.order(order).status)
    if expected is None:
        assert len(live.exchange.open_by_client(order.client_order_id)) == 1, "never sent again"


@pytest.mark.parametrize("fault", UNANSWERED)
async def test_canceling_what_is_partly_filled(live: Any, fault: str) -> None:
    order = live.intend(OrderType.LIMIT)
    await live.follow()
    (theirs,) = live.exchange.open_by_client(order.client_order_id)
    live.exchange.fill(theirs, Decimal("0.004"))
    live.clock.at_ms += HOUR_MS
    live.exchange.faults["CancelOrder"] = [fault]
    await live.follow()
    await live.follow()
    await live.reconcile()
    assert (theirs.status, live.order(order).status) == ("canceled", OrderStatus.CANCELED)
    live.assert_agreed()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", UNANSWERED)
@pytest.mark.parametrize("call", ["OpenOrders", "ClosedOrders", "QueryOrders", "QueryTrades"])
async def test_asking(live: Any, call: str, fault: str, kind: OrderType) -> None:
    live.exchange.faults[call] = [fault]
    order = live.intend(kind)
    await live.follow()
    for each in live.exchange.open_by_client(order.client_order_id):
        live.exchange.fill(each, each.volume)
    await live.reconcile()
    assert live.order(order).status is OrderStatus.FILLED
    live.assert_agreed()


async def test_the_rounding_of_money_stays_as_it_was(live: Any) -> None:
    rounding = getcontext().rounding
    live.intend(OrderType.LIMIT)
    await live.follow()
    assert getcontext().rounding == rounding
    live.assert_agreed()
