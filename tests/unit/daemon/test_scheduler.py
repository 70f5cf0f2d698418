from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import apscheduler.schedulers.base
import pytest
from fake_clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from autopilot.config.schedule import cron_trigger
from autopilot.daemon.scheduler import CloseTrigger, JobScheduler
from autopilot.domain.timeframe import MINUTE_MS, Timeframe


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

    scheduler.add_at("training", run, cron_trigger("0 3 * * 0"))
    monkeypatch.setattr(apscheduler.schedulers.base, "datetime", Later)
    scheduler.check_clock()
    assert await asyncio.wait_for(runs.get(), 10) == "trained"
    scheduler.check_clock()
    await asyncio.sleep(0)
    assert runs.empty()


async def test_a_cron_job_does_not_run_because_the_clock_jumped(scheduler: JobScheduler, clocks: Clocks) -> None:
    async def run() -> None:
        raise AssertionError

    scheduler.add_at("training", run, cron_trigger("0 3 29 2 *"))
    due_ms = scheduler.next_run_ms("training")
    clocks.wall_s += 3600
    assert scheduler.check_clock()
    await asyncio.sleep(0)
    assert scheduler.next_run_ms("training") == due_ms


def test_stopping_what_never_began_does_nothing() -> None:
    JobScheduler().stop()


MINUTES = st.integers(0, 50_000_000_000)
DELAYS = st.integers(1_000, 6_000)


@given(at_ms=MINUTES, ahead_ms=st.integers(-86_400_000, 86_400_000), delay_ms=DELAYS, late_us=st.integers(0, 900_000))
def test_each_close_fires_once_by_the_clock_of_the_exchange(
    at_ms: int, ahead_ms: int, delay_ms: int, late_us: int
) -> None:
    """Whatever the wall clock says, and however late the scheduler is."""
    clock = FakeClock(at_ms)
    trigger = CloseTrigger(Timeframe.M1, clock.now_ms, lambda: delay_ms)
    now = datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(milliseconds=at_ms - ahead_ms)
    planned = trigger.get_next_fire_time(None, now)
    fired = []
    for _ in range(3):
        later = planned - now + timedelta(microseconds=late_us)
        now += later
        clock.at_ms += later // timedelta(milliseconds=1)
        fired.append(clock.at_ms - delay_ms - late_us // 1000)
        planned = trigger.get_next_fire_time(planned, now)
        assert planned > now
    first = fired[0] // MINUTE_MS * MINUTE_MS
    assert [round(each / MINUTE_MS) * MINUTE_MS for each in fired] == [first + n * MINUTE_MS for n in range(3)]
    assert all(abs(each - round(each / MINUTE_MS) * MINUTE_MS) <= 2 for each in fired)


@pytest.mark.parametrize(
    ("moved_ms", "after_ms"),
    [
        (0, 31_000),
        (400, 30_600),
        (-400, 31_400),
        (20_000, 11_000),
        (31_500, 0),
        (50_000, 0),
        (95_000, 0),
        (-20_000, 51_000),
    ],
)
def test_a_better_known_time_moves_the_next_close_and_skips_none(moved_ms: int, after_ms: int) -> None:
    clock = FakeClock(1_700_000_010_000)
    trigger = CloseTrigger(Timeframe.M1, clock.now_ms, lambda: 1_000)
    now = datetime.now(UTC)
    planned = trigger.get_next_fire_time(None, now)
    assert planned == now + timedelta(milliseconds=31_000)
    clock.at_ms += moved_ms
    assert trigger.corrected(now) == now + timedelta(milliseconds=after_ms)


async def test_a_wrong_wall_clock_moves_no_close(scheduler: JobScheduler) -> None:
    clock, ran = FakeClock(1_700_000_039_000), asyncio.Event()

    async def run() -> None:
        ran.set()

    scheduler.add_at("BTC/USD close", run, CloseTrigger(Timeframe.M1, clock.now_ms, lambda: 1_000))
    assert not scheduler.is_due_within("BTC/USD close", 1.5)
    assert scheduler.is_due_within("BTC/USD close", 2.5)
    clock.at_ms += 3_000
    scheduler.check_clock()
    await asyncio.wait_for(ran.wait(), 5)
