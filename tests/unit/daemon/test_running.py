"""When a running symbol's cycles begin: at intervals, at each close, and when somebody hints."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from fake_clock import FakeClock

from autopilot.adapters.clock import WallClock
from autopilot.daemon import autopilots
from autopilot.daemon.autopilots import Autopilots, Running
from autopilot.daemon.scheduler import JobScheduler
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.state import RunRecord, RunState

CLOSE_MS = 1_700_000_040_000


class Cycles:
    """An autopilot whose cycles end when ``go_on`` is set."""

    def __init__(self) -> None:
        self.symbol = "BTC/USD"
        self.settings = SimpleNamespace(symbol=self.symbol, timeframe=Timeframe.M1, interval_s=3600.0)
        self.record = RunRecord()
        self.window = SimpleNamespace(awaits_candle=False)
        self.begun: asyncio.Queue[int] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.count = 0
        self.shown_in = 0
        """The cycle in which the exchange shows the candle."""

    async def run_cycle(self) -> bool:
        self.count += 1
        self.window.awaits_candle = self.count < self.shown_in
        self.begun.put_nowait(self.count)
        await self.go_on.wait()
        return False

    async def next(self) -> int:
        return await asyncio.wait_for(self.begun.get(), 5)


@pytest.fixture
async def scheduler() -> AsyncIterator[JobScheduler]:
    scheduler = JobScheduler()
    scheduler.start()
    yield scheduler
    scheduler.stop()


@pytest.fixture
def cycles() -> Cycles:
    return Cycles()


def launched(
    cycles: Cycles,
    scheduler: JobScheduler,
    clock: FakeClock,
    kind: MarketKind = MarketKind.REAL,
    delay_ms: int = 1_000,
    streams: Any = None,
) -> Running:
    venue = SimpleNamespace(source=SimpleNamespace(kind=kind, clock=clock), streams=streams)
    database = SimpleNamespace(commit_group=lambda: None)
    running = Running(cast("Any", cycles), cast("Any", venue), cast("Any", database), scheduler)
    running.launch(lambda: delay_ms)
    return running


async def test_a_hint_runs_a_cycle_at_once(cycles: Cycles, scheduler: JobScheduler) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - 30_000))
    assert await cycles.next() == 1
    await running.idle.wait()
    running.run_soon()
    assert await cycles.next() == 2


async def test_hints_during_a_cycle_are_followed_by_one_more(cycles: Cycles, scheduler: JobScheduler) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - 30_000))
    cycles.go_on.clear()
    await cycles.next()
    for _ in range(3):
        running.run_soon()
    assert cycles.count == 1
    cycles.go_on.set()
    assert await cycles.next() == 2
    await running.idle.wait()
    await asyncio.sleep(0)
    assert cycles.count == 2


async def test_a_close_runs_a_cycle_and_the_interval_begins_anew(cycles: Cycles, scheduler: JobScheduler) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS + 950))
    assert [await cycles.next(), await cycles.next()] == [1, 2]
    await running.idle.wait()
    cycle_ms, close_ms = scheduler.next_run_ms("BTC/USD"), scheduler.next_run_ms("BTC/USD close")
    assert cycle_ms
    assert close_ms
    assert abs(cycle_ms - close_ms - (3600 - 60) * 1000) < 1000


async def test_the_interval_waits_for_a_close_that_is_near(cycles: Cycles, scheduler: JobScheduler) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - 500))
    await cycles.next()
    await running.idle.wait()
    await running.cycles()
    assert cycles.count == 1
    running.run_soon()
    assert await cycles.next() == 2, "a hint does not wait"


@pytest.mark.parametrize("kind", [MarketKind.SIMULATED, MarketKind.REPLAY])
async def test_an_offline_market_keeps_its_own_time(cycles: Cycles, scheduler: JobScheduler, kind: MarketKind) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS), kind)
    await cycles.next()
    assert scheduler.next_run_ms(running.close_job) is None


async def test_nothing_begins_after_the_end(cycles: Cycles, scheduler: JobScheduler) -> None:
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS))
    await cycles.next()
    await running.idle.wait()
    running.end()
    running.run_soon()
    assert scheduler.next_run_ms("BTC/USD") is scheduler.next_run_ms(running.close_job) is None


def await_candle(cycles: Cycles) -> None:
    cycles.shown_in = 100


def fail(cycles: Cycles) -> None:
    cycles.record.state, cycles.record.failure = RunState.RETRYING, MarketUnavailable("it is down", hint="wait")


@pytest.mark.parametrize("trouble", [await_candle, fail])
async def test_a_candle_that_is_not_there_is_asked_for_a_few_times_more(
    cycles: Cycles, scheduler: JobScheduler, monkeypatch: pytest.MonkeyPatch, trouble: Callable[[Cycles], None]
) -> None:
    monkeypatch.setattr(autopilots, "REPEATS_S", (0.001, 0.002, 0.003))
    trouble(cycles)
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - 30_000))
    assert [await cycles.next() for _ in range(4)] == [1, 2, 3, 4]
    await running.idle.wait()
    cycle_ms = scheduler.next_run_ms("BTC/USD")
    assert cycle_ms
    assert cycle_ms - WallClock().now_ms() > 3_000_000, "after these only the interval"
    await running._closed()
    assert [await cycles.next() for _ in range(4)] == [5, 6, 7, 8]


async def test_a_candle_that_came_is_not_asked_for_again(
    cycles: Cycles, scheduler: JobScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autopilots, "REPEATS_S", (0.001, 0.002, 0.003))
    cycles.shown_in = 2
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - 30_000))
    assert [await cycles.next() for _ in range(2)] == [1, 2]
    await running.idle.wait()
    cycle_ms = scheduler.next_run_ms("BTC/USD")
    assert cycle_ms
    assert cycle_ms - WallClock().now_ms() > 3_000_000


@pytest.mark.parametrize(
    ("left_ms", "delay_ms", "counts"), [(30_000, 1_000, [1, 2]), (900, 1_000, [1]), (-300, 20_000, [1])]
)
async def test_news_of_a_stream_is_asked_for_unless_the_cycle_of_a_close_is_near(
    cycles: Cycles, scheduler: JobScheduler, left_ms: int, delay_ms: int, counts: list[int]
) -> None:
    """Or if its turn after the close is still to come: all symbols have news at the same moment."""
    heard: list[Any] = []
    streams = SimpleNamespace(subscribe=lambda *arguments: heard.append(arguments), compare=lambda quote: None)
    cycles.window.quote = None
    running = launched(cycles, scheduler, FakeClock(CLOSE_MS - left_ms), delay_ms=delay_ms, streams=streams)
    assert await cycles.next() == 1
    await running.idle.wait()
    ((symbol, timeframe, listener),) = heard
    assert (symbol, timeframe) == ("BTC/USD", Timeframe.M1)
    listener.on_news()
    assert running._is_wanted is (len(counts) == 2)
    assert [1, *([await cycles.next()] if len(counts) == 2 else [])] == counts


@pytest.mark.parametrize(("request_ms", "apart_ms"), [(0.0, 25), (102.0, 25), (1_200.0, 1_200)])
async def test_the_symbols_of_an_account_follow_each_other_after_a_close(
    scheduler: JobScheduler, request_ms: float, apart_ms: int
) -> None:
    """The first a second after it, the others by the limit of the exchange if it takes long."""
    names = [f"COIN{number}/USD" for number in range(20)]
    source = SimpleNamespace(
        kind=MarketKind.REAL,
        clock=FakeClock(CLOSE_MS + 30_000),
        subscribe=lambda *_: None,
        unsubscribe=lambda *_: None,
    )

    def make(settings: Any) -> Cycles:
        made = Cycles()
        made.symbol, made.settings = settings.symbol, settings
        return made

    async def close() -> None: ...

    venue = SimpleNamespace(
        account="paper:kraken", source=source, request_ms=request_ms, make=make, close=close, streams=None
    )
    ledger = SimpleNamespace(last_decided_at_ms=lambda *_: None)
    database = SimpleNamespace(commit_group=lambda: None)
    running = Autopilots(lambda _: cast("Any", venue), cast("Any", ledger), scheduler, cast("Any", database))
    settings = [
        SimpleNamespace(symbol=name, account="paper:kraken", timeframe=Timeframe.M1, interval_s=3600.0)
        for name in reversed(names)
    ]
    running.resume(cast("Any", settings))
    before_ms = time.time() * 1000
    scheduler.check_clock()
    after_ms = time.time() * 1000
    due_ms = [running.next_runs(each).close_ms for name in sorted(names) if (each := running.find(name))]
    begin_ms = due_ms[0]
    assert begin_ms
    assert before_ms - 100 <= begin_ms - 31_000 <= after_ms + 100, "30 seconds to the close, and one after it"
    assert [(at_ms or 0) - begin_ms for at_ms in due_ms] == pytest.approx([n * apart_ms for n in range(20)], abs=12)
