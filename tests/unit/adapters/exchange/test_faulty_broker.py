"""A broker that fails on request, always in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

import pytest
from fake_clock import FakeClock
from orders import an_order

from autopilot.adapters.exchange.offline_markets.faults import FaultyBroker
from autopilot.adapters.exchange.offline_markets.settings import FaultPlan
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus
from autopilot.ports.broker import Balance

MARKET = Market("BTC/USD", "BTC", "USD", *[Decimal("0.01")] * 4, Decimal(0), Decimal(0))


class ListBroker:
    """A Broker that accepts everything and keeps it."""

    def __init__(self) -> None:
        self.accepted: list[str] = []

    def _report(self, order: Order) -> OrderReport:
        return OrderReport(order.client_order_id, "x", OrderStatus.OPEN, Decimal(0), (), 0)

    async def submit(self, order: Order, market: Market) -> OrderReport:
        self.accepted.append(order.client_order_id)
        return self._report(order)

    async def cancel(self, order: Order) -> OrderReport:
        return self._report(order)

    async def lookup(self, order: Order) -> OrderReport | None:
        return self._report(order) if order.client_order_id in self.accepted else None

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        return ()

    async def balances(self) -> Mapping[str, Balance]:
        return {}


def order(number: int) -> Order:
    return an_order(f"order-{number}", account="paper:x")


async def outcomes(plan: FaultPlan) -> tuple[list[str], list[str]]:
    """What 300 submissions came to, and which orders the exchange has."""
    inner = ListBroker()
    broker = FaultyBroker(inner, plan, FakeClock(1_000))
    names = []
    for number in range(300):
        try:
            await broker.submit(order(number), MARKET)
            names.append("accepted")
        except ExchangeError as error:
            names.append(str(error))
    return names, inner.accepted


async def test_each_fault_does_what_it_says_as_often_as_planned_and_at_the_same_orders() -> None:
    plan = FaultPlan(seed=4, rejected=0.1, lost_before_accept=0.2, lost_after_accept=0.3, broker_unavailable=0.1)
    names, accepted = await outcomes(plan)
    for number, name in enumerate(names):
        reached = name == "accepted" or name.startswith("time-out, accepted")
        assert (f"order-{number}" in accepted) == reached
    counts = Counter(names)
    assert len(counts) == 5
    assert min(counts.values()) > 10
    assert (names, accepted) == await outcomes(plan)
    assert names != (await outcomes(FaultPlan(seed=5, rejected=0.1, lost_before_accept=0.2)))[0]


@pytest.mark.parametrize(
    ("plan", "error", "exists"),
    [
        (FaultPlan(lost_after_accept=1.0), AnswerLost, True),
        (FaultPlan(lost_before_accept=1.0), AnswerLost, False),
        (FaultPlan(rejected=1.0), OrderRejected, False),
        (FaultPlan(broker_unavailable=1.0), MarketUnavailable, False),
        (FaultPlan(maintenance_ms=(500, 1_500)), MarketUnavailable, False),
    ],
)
async def test_whether_the_order_exists_after_each_fault(
    plan: FaultPlan, error: type[ExchangeError], exists: bool
) -> None:
    inner = ListBroker()
    with pytest.raises(error):
        await FaultyBroker(inner, plan, FakeClock(1_000)).submit(order(1), MARKET)
    assert inner.accepted == (["order-1"] if exists else [])


async def test_maintenance_ends_and_no_plan_means_no_fault() -> None:
    clock, inner = FakeClock(1_000), ListBroker()
    broker = FaultyBroker(inner, FaultPlan(maintenance_ms=(500, 1_500)), clock)
    with pytest.raises(MarketUnavailable, match="maintenance"):
        await broker.balances()
    clock.at_ms = 1_500
    assert await broker.balances() == {}
    assert await broker.lookup(order(1)) is None
    assert (await broker.submit(order(1), MARKET)).status is OrderStatus.OPEN
    assert (await broker.cancel(order(1))).client_order_id == "order-1"
    assert await broker.open_orders("BTC/USD") == ()
