"""A symbol that is only compared with is fetched for the decision, once for all, and never holds one up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest
from fake_clock import FakeClock, exchange_clock
from memory_candles import MemoryCandles

from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe
from autopilot.engine import reference
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.reference import ABSENT_MS, RETRY_MS, ReferenceCandles

H1 = Timeframe.H1
HOUR_S, THIS_HOUR_S = 3600, 1_700_006_400
NOW_MS = THIS_HOUR_S * 1000 + 20 * MINUTE_MS
LAST_MS = THIS_HOUR_S * 1000 - HOUR_MS
"""The last closed candle."""


class World:
    def __init__(self, site: Any, symbol: str, wait_s: float) -> None:
        self.site, self.clock, self.store = site, FakeClock(NOW_MS), MemoryCandles()
        clock = exchange_clock("coinbase", self.clock)
        self.source = CcxtCandles("coinbase", base_url=site.url, timeout_s=5.0, clock=clock)
        window = MarketWindow(self.source, self.store, symbol, H1, None)
        self.reference = ReferenceCandles(self.source, window, symbol, wait_s)

    async def last_close(self, until_ms: int = LAST_MS, length: int = 1_000) -> float | None:
        found = await self.reference.as_reference(until_ms, length)
        return None if found is None else float(found.close[-1])

    def passes(self, time_ms: int) -> None:
        self.clock.at_ms += time_ms
        self.site.headers["Date"] = formatdate(self.clock.at_ms / 1000, usegmt=True)

    async def settled(self) -> None:
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("reference")]
        if tasks:
            await asyncio.wait(tasks)


@pytest.fixture
async def world(coinbase: Any, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    made = World(coinbase, *getattr(request, "param", ("BTC/USD", 5.0)))
    yield made
    await made.reference.close()
    await made.source.close()


async def test_many_symbols_at_one_close_ask_once_and_it_is_stored(world: World) -> None:
    found = await asyncio.gather(*(world.last_close() for _ in range(20)))
    assert found == [30_047.0] * 20
    pages = len(world.site.asked)
    assert pages < 8, "the pages of one long window"
    stored = world.store.load_candles("coinbase", "BTC/USD", H1)
    assert len(stored) == 1_500
    assert stored.last_at_ms == LAST_MS
    assert await world.last_close(LAST_MS - 400 * HOUR_MS) is not None, "a candle that was missed needs no request"
    assert len(world.site.asked) == pages
    world.passes(5 * HOUR_MS)
    world.site.rows += [[THIS_HOUR_S + hour * HOUR_S, 5.0, 10.0, 4.0, 5.0 + hour, 1.0] for hour in range(1, 6)]
    assert await asyncio.gather(*(world.last_close(LAST_MS + 5 * HOUR_MS) for _ in range(3))) == [9.0] * 3
    assert len(world.site.asked) == pages + 1
    stored = world.store.load_candles("coinbase", "BTC/USD", H1)
    assert len(stored) == 1_505, "without a gap"


@pytest.mark.parametrize("world", [("DOGE/USD", 5.0)], indirect=True)
async def test_a_market_that_does_not_exist_is_said_once_and_not_asked_for_all_the_time(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        assert await world.last_close() is None
    requests = world.site.market_requests
    world.clock.at_ms += ABSENT_MS // 2
    assert await world.last_close() is None
    assert world.site.market_requests == requests
    world.clock.at_ms += ABSENT_MS
    assert await world.last_close() is None
    assert world.site.market_requests > requests
    assert caplog.text.count("no reference candles") == 1
    assert "coinbase has no market DOGE/USD" in caplog.text


@pytest.mark.parametrize("world", [("BTC/USD", 0.05)], indirect=True)
async def test_an_exchange_that_hangs_holds_up_no_decision(world: World) -> None:
    assert await world.last_close() == 30_047.0
    world.passes(HOUR_MS)
    world.site.rows.append([THIS_HOUR_S + HOUR_S, 7.0, 8.0, 6.0, 7.5, 1.0])
    released, usual = asyncio.Event(), world.site.respond

    async def hang(faults: list[str], answer: Any) -> Any:
        await released.wait()
        return await usual(faults, answer)

    world.site.respond = hang
    held = await world.last_close(LAST_MS + HOUR_MS)
    assert held == 30_047.0, "the one before"
    released.set()
    await world.settled()
    assert await world.last_close(LAST_MS + HOUR_MS) == 30_010.0, "the answer that came late serves the next decision"


async def test_an_error_is_no_opinion_and_it_is_tried_again_after_a_pause(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.site.faults += ["500"] * 3
    assert await world.last_close() is None
    asked = len(world.site.asked)
    assert await world.last_close() is None
    assert len(world.site.asked) == asked
    world.site.faults.clear()
    world.clock.at_ms += RETRY_MS
    assert await world.last_close() == 30_047.0
    assert caplog.text.count("no reference candles") == 1


async def test_a_candle_that_is_a_moment_late_is_waited_for(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PAUSE_S", 0.01)
    assert await world.last_close() == 30_047.0
    world.passes(40 * MINUTE_MS)
    world.site.rows.pop()
    answer, looks = world.site.candle_answer, 0

    def late(request: Any) -> Any:
        nonlocal looks
        looks += 1
        if looks == 2:
            closed = [THIS_HOUR_S, 7.0, 8.0, 6.0, 7.5, 1.0]
            world.site.rows += [closed, [THIS_HOUR_S + HOUR_S, 7.5, 7.5, 7.5, 7.5, 0.1]]
        return answer(request)

    world.site.candle_answer = late
    assert await world.last_close(LAST_MS + HOUR_MS) == 7.5
    assert looks > 1


async def test_the_next_candle_is_fetched_when_it_closes_before_anybody_asks(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "LEAD_MS", 0)
    assert await world.last_close() == 30_047.0
    assert world.reference._timer is not None
    world.reference._timer.cancel()
    world.reference._timer = None
    world.passes(40 * MINUTE_MS - 50)
    assert await world.last_close() == 30_047.0
    world.passes(100)
    world.site.rows.append([THIS_HOUR_S + HOUR_S, 7.0, 8.0, 6.0, 7.5, 1.0])
    asked, answer = asyncio.Event(), world.site.candle_answer

    def answering(request: Any) -> Any:
        asked.set()
        return answer(request)

    world.site.candle_answer = answering
    async with asyncio.timeout(5):
        await asked.wait()
    await world.settled()
    requests = len(world.site.asked)
    assert await world.last_close(LAST_MS + HOUR_MS) == 30_010.0
    assert len(world.site.asked) == requests
