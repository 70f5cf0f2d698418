from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import apscheduler.schedulers.base
import pytest

from autopilot.config.schedule import cron_trigger
from autopilot.daemon.scheduler import JobScheduler


class Clocks:
    def __init__(self) -> None:
        self.wall_s = 1_700_000_000.0
        self.monotonic_s = 50.0

    def pass_s(self, seconds: float) -> None:
        self.wall_s += seconds
        self.monotonic_s += seconds


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
async def scheduler(clocks: Clocks) -> AsyncIterator[JobScheduler]:
    scheduler = JobScheduler(lambda: clocks.wall_s, lambda: clocks.monotonic_s)
    scheduler.start()
    yield scheduler
    scheduler.stop()


async def test_a_job_runs_at_once(scheduler: JobScheduler) -> None:
    ran = asyncio.Event()

    async def run() -> None:
        ran.set()

    scheduler.add("BTC/USD", run, 3600)
    await asyncio.wait_for(ran.wait(), 5)
    assert scheduler.next_run_ms("BTC/USD") is not None


async def test_a_slow_symbol_does_not_delay_another(scheduler: JobScheduler) -> None:
    release, quick = asyncio.Event(), asyncio.Event()
    slow_runs: list[int] = []

    async def slow() -> None:
        slow_runs.append(1)
        await release.wait()

    async def fast() -> None:
        quick.set()

    scheduler.add("SLOW/USD", slow, 0.01)
    scheduler.add("FAST/USD", fast, 3600)
    await asyncio.wait_for(quick.wait(), 5)
    assert slow_runs == [1], "a cycle under way is not started a second time"
    release.set()


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
async def test_a_wall_clock_step_brings_every_job_forward(
    scheduler: JobScheduler, clocks: Clocks, step_s: float
) -> None:
    runs: list[int] = []
    first, again = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        (again if runs else first).set()
        runs.append(1)

    scheduler.add("BTC/USD", run, 3600)
    await asyncio.wait_for(first.wait(), 5)
    clocks.wall_s += step_s
    assert scheduler.check_clock()
    await asyncio.wait_for(again.wait(), 5)


async def test_time_that_passes_evenly_is_no_jump(scheduler: JobScheduler, clocks: Clocks) -> None:
    clocks.pass_s(900)
    assert not scheduler.check_clock()


async def test_removing_twice_is_fine(scheduler: JobScheduler) -> None:
    async def run() -> None: ...

    scheduler.add("BTC/USD", run, 3600)
    scheduler.remove("BTC/USD")
    scheduler.remove("BTC/USD")
    assert scheduler.next_run_ms("BTC/USD") is None


async def test_a_cron_job_that_a_jump_of_the_clock_went_over_is_made_up_once(
    scheduler: JobScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: asyncio.Queue[str] = asyncio.Queue()

    async def run() -> None:
        await runs.put("trained")

    class Later(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime.now(UTC) + timedelta(days=22)

    scheduler.add_cron("training", run, cron_trigger("0 3 * * 0"))
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Later)
    scheduler.check_clock()
    assert await asyncio.wait_for(runs.get(), 10) == "trained"
    scheduler.check_clock()
    await asyncio.sleep(0)
    assert runs.empty()


async def test_a_cron_job_does_not_run_because_the_clock_jumped(scheduler: JobScheduler, clocks: Clocks) -> None:
    async def run() -> None:
        raise AssertionError

    scheduler.add_cron("training", run, cron_trigger("0 3 29 2 *"))
    due_ms = scheduler.next_run_ms("training")
    clocks.wall_s += 3600
    assert scheduler.check_clock()
    await asyncio.sleep(0)
    assert scheduler.next_run_ms("training") == due_ms


def test_stopping_what_never_began_does_nothing() -> None:
    JobScheduler().stop()
