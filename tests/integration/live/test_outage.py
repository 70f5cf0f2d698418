"""The exchange is out of reach for half an hour of the injected clock: nothing is bought, exits are tried again, it is
not pestered, and all goes on by itself."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from autopilot.domain.order import OrderStatus, OrderType
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.engine.state import RunState
from autopilot.execution.missing_orders import MISSED_MS

LOCKOUT = "EGeneral:Temporary lockout"
OUTAGES = [LOCKOUT, "EService:Unavailable", "reset before", "hang before", "html"]
OUTAGE_S = 1_800


async def asked(live: Any, fault: str, every_s: int) -> list[int]:
    """An open order is asked about every so often: the gaps between requests, in milliseconds."""
    live.intend(OrderType.LIMIT)
    await live.follow()
    before = len(live.exchange.asked_at_ms)
    live.exchange.outage = fault
    for _ in range(OUTAGE_S // every_s):
        live.clock.at_ms += every_s * 1000
        await live.follow()
    live.exchange.outage = ""
    return [after - before for before, after in pairwise(live.exchange.asked_at_ms[before:])]


@pytest.mark.parametrize("fault", [LOCKOUT, "EAPI:Invalid key", "EAPI:Rate limit exceeded"])
async def test_who_is_locked_out_asks_once_a_minute(live: Any, fault: str) -> None:
    gaps_ms = await asked(live, fault, 7)
    assert min(gaps_ms) >= MINUTE_MS
    assert max(gaps_ms) < 2 * MINUTE_MS, "and it does ask"


@pytest.mark.parametrize("fault", ["reset before", "500 before", "EService:Unavailable", "html"])
async def test_who_gets_no_answer_asks_less_and_less_often(live: Any, fault: str) -> None:
    gaps_ms = await asked(live, fault, 7)
    assert gaps_ms == sorted(gaps_ms)
    assert (gaps_ms[0], MINUTE_MS <= gaps_ms[-1] < 2 * MINUTE_MS) == (7_000, True)


async def test_an_answer_ends_the_pause(live: Any) -> None:
    await asked(live, "reset before", 7)
    live.clock.at_ms += MINUTE_MS
    await live.desk.follow(live.market)
    live.exchange.outage = "reset before"
    before = len(live.exchange.asked)
    await live.follow()
    await live.follow()
    assert len(live.exchange.asked) == before + 2, "one failure alone is no outage"


async def endure(whole: Any, fault: str, every_s: int = 100) -> None:
    """Half an hour of it, with a cycle every so often, each of which says what is wrong."""
    whole.exchange.outage = fault
    for _ in range(OUTAGE_S // every_s):
        assert "kraken" in await whole.cycle(every_s)
        assert whole.autopilot.record.state is RunState.RETRYING
    whole.exchange.outage = ""


@pytest.mark.parametrize("fault", OUTAGES)
async def test_a_stop_that_is_touched_meanwhile_is_sold_once_as_soon_as_it_can_be(whole: Any, fault: str) -> None:
    quantity = await whole.buy()
    whole.move(0.7)
    await endure(whole, fault, 600 if "hang" in fault else 100)
    for _ in range(3):
        await whole.cycle()
    sold = [order for order in whole.exchange.orders.values() if order.side == "sell"]
    assert [(order.filled, order.kind) for order in sold] == [(quantity, "market")]
    assert whole.autopilot.record.state is RunState.RUNNING
    assert whole.ledger.positions("live:kraken") == ()
    whole.assert_agreed()


@pytest.mark.parametrize("fault", OUTAGES[:3])
async def test_nothing_is_bought_meanwhile_and_no_order_is_forgotten(whole: Any, fault: str) -> None:
    """It begins when the first order was accepted and its answer was lost."""
    whole.exchange.faults["AddOrder"] = ["reset after"]
    await whole.cycle()
    await endure(whole, fault)
    assert whole.calls("AddOrder") == 1
    (theirs,) = whole.exchange.orders.values()
    whole.exchange.fill(theirs, theirs.quantity)
    for _ in range(3):
        await whole.cycle()
    assert whole.autopilot.record.state is RunState.RUNNING
    assert whole.ledger.order(theirs.client_order_id).status is OrderStatus.FILLED
    assert len(whole.exchange.orders) == 1
    whole.assert_agreed()


async def test_an_outage_is_said_once_in_the_log(whole: Any, caplog: pytest.LogCaptureFixture) -> None:
    await whole.buy()
    whole.move(0.7)
    await endure(whole, "reset before", 40)
    assert len([record for record in caplog.records if "cannot be reached" in record.message]) == 1


async def test_a_stop_is_sold_although_the_books_cannot_be_compared(whole: Any) -> None:
    await whole.buy()
    whole.move(0.7)
    whole.exchange.faults["BalanceEx"] = ["500 before"] * 2
    assert "our balances" in await whole.cycle(6 * HOUR_MS / 1000)
    assert whole.exchange.balances["BTC"] == 0
    for _ in range(3):
        message = await whole.cycle()
    assert message == ""
    assert len(whole.exchange.orders) == 2
    whole.assert_agreed()


async def test_a_stop_is_sold_when_an_exit_was_not_shown_for_an_hour(whole: Any) -> None:
    """The take-profit, which the exchange has dropped from its books; it might have been filled."""
    await whole.buy()
    whole.move(1.5)
    await whole.cycle()
    (exit_,) = (order for order in whole.exchange.orders.values() if order.side == "sell")
    assert exit_.kind == "limit"
    del whole.exchange.orders[exit_.order_id]
    whole.move(0.5)
    for _ in range(MISSED_MS // MINUTE_MS):
        assert "does not know order" in await whole.cycle()
        assert len(whole.exchange.orders) == 1
    await whole.cycle()
    assert whole.exchange.balances["BTC"] == 0
    assert await whole.cycle() == ""
    assert whole.ledger.positions("live:kraken") == ()
    assert len(whole.exchange.orders) == 2
