"""What becomes of an order outlives a restart of ours, and nothing that is asked fails for ever."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal

import pytest
from fake_clock import FakeClock
from orders import an_order

from autopilot.adapters.exchange.offline_markets.faults import FaultyBroker, FetchFaults
from autopilot.adapters.exchange.offline_markets.settings import FaultPlan
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus
from autopilot.domain.timeframe import HOUR_MS
from autopilot.ports.broker import Balance

MARKET = Market("BTC/USD", "BTC", "USD", *[Decimal("0.01")] * 4, Decimal(0), Decimal(0))
PLAN = FaultPlan(seed=7, rejected=0.2, lost_before_accept=0.2, lost_after_accept=0.2, broker_unavailable=0.3)


class Accepting:
    """A Broker that takes everything."""

    def __init__(self) -> None:
        self.canceled: set[str] = set()

    async def submit(self, order: Order, market: Market) -> OrderReport:
        return OrderReport(order.client_order_id, "x", OrderStatus.OPEN, Decimal(0), (), 0)

    async def cancel(self, order: Order) -> OrderReport:
        self.canceled.add(order.client_order_id)
        return OrderReport(order.client_order_id, "x", OrderStatus.CANCELED, Decimal(0), (), 0)

    async def lookup(self, order: Order) -> OrderReport | None:
        return None

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        return ()

    async def balances(self) -> Mapping[str, Balance]:
        return {}


def order(number: int) -> Order:
    return an_order(f"order-{number}", account="paper:replay")


async def fate(broker: FaultyBroker, number: int) -> str:
    try:
        await broker.submit(order(number), MARKET)
    except ExchangeError as error:
        return str(error)
    return "accepted"


async def test_an_order_sent_again_by_a_new_process_at_the_same_moment_meets_the_same_fate() -> None:
    clock = FakeClock(HOUR_MS)
    living = FaultyBroker(Accepting(), PLAN, clock)
    first = [await fate(living, number) for number in range(60)]
    assert len(set(first)) == 5
    restarted = FaultyBroker(Accepting(), PLAN, clock)
    assert [await fate(restarted, number) for number in reversed(range(60))] == first[::-1]
    assert [await fate(living, number) for number in range(60)] == first


async def test_an_order_sent_again_a_candle_later_may_meet_another() -> None:
    clock = FakeClock(HOUR_MS)
    broker = FaultyBroker(Accepting(), FaultPlan(seed=7, lost_before_accept=0.5), clock)
    fates = []
    for clock.at_ms in range(HOUR_MS, 40 * HOUR_MS, HOUR_MS):
        fates.append(await fate(broker, 1))
    assert 8 < Counter(fates)["accepted"] < 32


ASKED: list[Callable[[FaultyBroker], Awaitable[object]]] = [
    lambda broker: broker.lookup(order(1)),
    lambda broker: broker.cancel(order(1)),
    lambda broker: broker.open_orders("BTC/USD"),
    lambda broker: broker.balances(),
]


@pytest.mark.parametrize("ask", ASKED, ids=["lookup", "cancel", "open_orders", "balances"])
@pytest.mark.parametrize("plan", [FaultPlan(broker_unavailable=0.8), FaultPlan(maintenance_ms=(0, 100 * HOUR_MS))])
async def test_asking_again_helps_though_the_markets_time_stands_still(
    ask: Callable[[FaultyBroker], Awaitable[object]], plan: FaultPlan
) -> None:
    clock = FakeClock(HOUR_MS)
    broker = FaultyBroker(Accepting(), plan, clock)
    refusals = 0
    for clock.at_ms in range(HOUR_MS, 6 * HOUR_MS, HOUR_MS):
        for _ in range(60):
            try:
                await ask(broker)
                break
            except MarketUnavailable:
                refusals += 1
        else:
            pytest.fail("never answered")
    assert refusals >= 5


async def test_a_cancellation_whose_answer_is_lost_was_done() -> None:
    inner = Accepting()
    broker = FaultyBroker(inner, FaultPlan(lost_after_accept=1.0), FakeClock(HOUR_MS))
    with pytest.raises(AnswerLost):
        await broker.cancel(order(1))
    assert inner.canceled == {"order-1"}


async def test_fetches_fail_as_often_as_planned_and_each_symbol_at_its_own_calls() -> None:
    async def failures(symbol: str) -> list[int]:
        faults, failed = FetchFaults(FaultPlan(seed=3, fetch_unavailable=0.25)), []
        for call in range(400):
            try:
                await faults.strike(symbol)
            except MarketUnavailable:
                failed.append(call)
        return failed

    bitcoin = await failures("BTC/USD")
    assert 70 < len(bitcoin) < 130
    assert bitcoin == await failures("BTC/USD")
    assert bitcoin != await failures("ETH/USD")
    await FetchFaults(FaultPlan()).strike("BTC/USD")
