"""Another program holds the database: nothing is sent, the event loop stays free, and what is due is done as soon as
the lock is gone."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from lock_holder import held_by_another_program

from autopilot.daemon.autopilots import Running
from autopilot.daemon.scheduler import JobScheduler
from autopilot.domain.errors import StoreLocked
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.engine.state import RunState

ACCOUNT = "live:kraken"


async def hold(whole: Any) -> Running:
    """A position whose stop the price has passed, and its job."""
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    assert whole.ledger.positions(ACCOUNT)
    whole.move(0.5)
    whole.clock.at_ms += MINUTE_MS
    whole.database.wait_at_most(0.01)
    whole.autopilot.begun.clear()
    return Running(whole.autopilot, cast("Any", None), whole.database, JobScheduler())


async def test_a_position_is_sold_as_soon_as_the_database_is_free(whole: Any) -> None:
    running = await hold(whole)
    with held_by_another_program(whole.database.path):
        job = asyncio.create_task(running.cycles())
        await running.autopilot.begun.wait()
        record = whole.autopilot.record
        assert (record.state, type(record.failure)) == (RunState.RETRYING, StoreLocked)
        assert whole.database.locked_at_ms is not None
        assert (whole.calls("AddOrder"), job.done()) == (1, False)
    await job
    assert record.state is RunState.RUNNING
    assert whole.database.locked_at_ms is None
    assert (whole.calls("AddOrder"), whole.exchange.balances["BTC"]) == (2, 0)
    assert whole.ledger.positions(ACCOUNT) == ()
    whole.assert_agreed()


async def test_a_symbol_that_waits_for_the_database_can_be_stopped(whole: Any) -> None:
    running = await hold(whole)
    with held_by_another_program(whole.database.path):
        job = asyncio.create_task(running.cycles())
        await running.autopilot.begun.wait()
        await running.pause()
        await job
        assert whole.autopilot.record.state is RunState.RETRYING
    assert whole.calls("AddOrder") == 1


async def test_whether_it_is_locked_is_known_at_once_whatever_a_transaction_waits(whole: Any) -> None:
    whole.database.wait_at_most(60)
    with held_by_another_program(whole.database.path):
        assert whole.database.is_locked(), "without the minute"
        (row,) = whole.database.rows("PRAGMA busy_timeout")
        assert row[0] == 60_000
    assert not whole.database.is_locked()
