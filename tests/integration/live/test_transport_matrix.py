"""Every fault at every call: after at most two reconciliations nothing is unknown, doubled or lost."""

from __future__ import annotations

from decimal import Decimal, getcontext
from typing import Any

import pytest
from loopback_exchange import AFTER, BEFORE
from places import PLACES

from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import HOUR_MS
from autopilot.execution.following import FRESH_MS

FAULTS = (*BEFORE, *AFTER)
UNANSWERED = [fault for fault in FAULTS if fault != "refused before"]
KINDS = (OrderType.MARKET, OrderType.LIMIT)
ASKING = [(name, call) for name, place in PLACES.items() for call in place.opens.asking]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_placing(anywhere: Any, fault: str, kind: OrderType) -> None:
    exchange = anywhere.exchange
    exchange.faults[exchange.placing] = [fault]
    order = anywhere.intend(kind)
    await anywhere.follow()
    await anywhere.reconcile()
    for each in exchange.named(order.client_order_id):
        exchange.fill(each, Decimal("0.004"))
    await anywhere.reconcile(1)
    anywhere.assert_agreed()
    status, there = anywhere.order(order).status, exchange.named(order.client_order_id)
    if fault == "refused before":
        assert (status, there) == (OrderStatus.REJECTED, [])
    elif fault in BEFORE and anywhere.pause_ms > FRESH_MS:
        assert (status, there) == (OrderStatus.EXPIRED, []), "its moment passed before it was certain"
    else:
        assert len(there) == 1, "sent, and never again"


@pytest.mark.parametrize("fault", UNANSWERED)
async def test_canceling_what_is_partly_filled(anywhere: Any, fault: str) -> None:
    exchange = anywhere.exchange
    order = anywhere.intend(OrderType.LIMIT)
    await anywhere.follow()
    (theirs,) = exchange.named(order.client_order_id)
    exchange.fill(theirs, Decimal("0.004"))
    anywhere.clock.at_ms += HOUR_MS
    exchange.faults[exchange.canceling] = [fault]
    await anywhere.follow()
    await anywhere.follow()
    await anywhere.reconcile()
    assert (theirs.status, anywhere.order(order).status) == ("canceled", OrderStatus.CANCELED)
    anywhere.assert_agreed()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", UNANSWERED)
@pytest.mark.parametrize(("anywhere", "call"), ASKING, indirect=["anywhere"])
async def test_asking(anywhere: Any, call: str, fault: str, kind: OrderType) -> None:
    exchange = anywhere.exchange
    exchange.faults[call] = [fault]
    order = anywhere.intend(kind)
    await anywhere.follow()
    for each in exchange.named(order.client_order_id):
        exchange.fill(each, each.quantity)
    await anywhere.reconcile()
    assert anywhere.order(order).status is OrderStatus.FILLED
    anywhere.assert_agreed()


async def test_the_rounding_of_money_stays_as_it_was(live: Any) -> None:
    rounding = getcontext().rounding
    live.intend(OrderType.LIMIT)
    await live.follow()
    assert getcontext().rounding == rounding
    live.assert_agreed()
