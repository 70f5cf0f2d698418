"""What a symbol missed while it was down, fetched by the unmodified ccxt into a real file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fake_clock import FakeClock, exchange_clock
from listed_history import ListedHistory

from autopilot.adapters.exchange import rate_limiter
from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.app.data.backfill import IdleWay, SeriesBackfill
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe
from autopilot.engine.market_window import KEPT, MarketWindow

H1, SYMBOL = Timeframe.H1, "BTC/USD"
THIS_HOUR_MS = 1_700_006_400_000
HOURS = 6_000
DOWN = 3_000


def walk(count: int) -> Candles:
    price = np.linspace(100.0, 200.0, count)
    at_ms = THIS_HOUR_MS + np.arange(count) * HOUR_MS
    return Candles.from_arrays(H1, at_ms, price, price, price, price, price)


def rows(hours: range) -> list[list[Any]]:
    return [
        [THIS_HOUR_MS // 1000 - ago * 3600, price := 30_000 + (ago * 37) % 500, price + 30, price - 30, price + 10, 1.5]
        for ago in reversed(hours)
    ]


class World:
    """A machine that may be off, and an exchange that goes on."""

    def __init__(self, exchange: Any, path: Path) -> None:
        self.exchange = exchange
        self.clock = FakeClock(THIS_HOUR_MS - DOWN * HOUR_MS + MINUTE_MS)
        self.database = open_database(path)
        self.store = SqliteCandles(self.database)
        self.within_s = 10.0
        self.source: CcxtCandles
        self.window: MarketWindow
        self.boot()

    def boot(self) -> None:
        """A new process."""
        theirs = exchange_clock("coinbase", self.clock)
        self.source = CcxtCandles("coinbase", base_url=self.exchange.url, clock=theirs)
        backfill = SeriesBackfill(self.source.pages, self.store, theirs, self.within_s)
        self.window = MarketWindow(self.source, self.store, SYMBOL, H1, None, backfill)

    async def cycle(self) -> int:
        """As an autopilot does it. Returns the number of requests for candles."""
        before = len(self.exchange.asked)
        await self.window.refresh()
        while self.window.is_to_be_filled:
            await self.window.fill()
        return len(self.exchange.asked) - before

    def stored(self) -> Candles:
        return self.store.load_candles("coinbase", SYMBOL, H1)

    def missing(self) -> list[int]:
        """How long ago the missing candles opened, in hours."""
        at_ms = self.stored().open_at_ms
        wanted = np.arange(at_ms[0], THIS_HOUR_MS, HOUR_MS)
        return sorted(((THIS_HOUR_MS - np.setdiff1d(wanted, at_ms)) // HOUR_MS).tolist())


async def no_pause(_: float) -> None:
    await asyncio.sleep(0)


@pytest.fixture
async def world(coinbase: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    """A series of 1,500 candles, and a machine that was off for 3,000 candles since."""
    monkeypatch.setattr(rate_limiter, "sleep", no_pause)
    coinbase.headers = {}
    coinbase.rows = rows(range(DOWN, HOURS))
    world = World(coinbase, tmp_path / "autopilot.db")
    with closing(world.database):
        await world.cycle()
        assert len(world.stored()) == KEPT
        await world.source.close()
        coinbase.rows = rows(range(HOURS))
        world.clock.at_ms = THIS_HOUR_MS + 20 * MINUTE_MS
        world.boot()
        yield world
        await world.source.close()


async def test_after_a_long_pause_nothing_is_missing(world: World) -> None:
    await world.cycle()
    assert world.missing() == []
    assert len(world.stored()) == KEPT + DOWN
    assert len(world.window.candles) == KEPT
    assert not world.stored().faults()


async def test_a_page_that_fails_fails_the_cycle_and_the_next_process_goes_on_there(world: World) -> None:
    world.within_s = 0.3
    world.boot()
    await world.window.refresh()
    asked = len(world.exchange.asked)
    world.exchange.faults += ["", "", *["503"] * 20]
    with pytest.raises(MarketUnavailable):
        await world.window.fill()
    assert len(world.exchange.asked) - asked >= 3
    left = len(world.missing())
    assert 0 < left < DOWN - KEPT, "what came before is kept"
    world.exchange.faults.clear()
    world.clock.at_ms += MINUTE_MS
    await world.source.close()
    world.within_s = 10.0
    world.boot()
    await world.cycle()
    assert world.missing() == []
    assert not world.window.is_to_be_filled


async def test_after_three_failures_the_candles_that_are_there_must_do(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.within_s = 0.3
    world.boot()
    await world.window.refresh()
    for _ in range(2):
        world.exchange.faults[:] = ["503"] * 20
        with pytest.raises(MarketUnavailable):
            await world.window.fill()
        world.clock.at_ms += MINUTE_MS
    world.exchange.faults[:] = ["503"] * 20
    await world.window.fill()
    assert "candles that were missed stay missing" in caplog.text
    assert not world.window.is_to_be_filled


async def test_a_page_that_came_empty_is_asked_for_again(world: World) -> None:
    """The fetch of the latest candles has a hole, as if an exchange had a hiccup."""
    world.exchange.faults += ["", '{"candles": []}']
    await world.cycle()
    assert world.missing() == []
    assert np.all(np.diff(world.window.candles.open_at_ms) == HOUR_MS)


async def test_a_hole_of_the_exchange_is_asked_for_once_more_and_then_known(world: World) -> None:
    hole = range(700, 730)
    world.exchange.rows = [*rows(range(730, HOURS)), *rows(range(700))]
    await world.cycle()
    assert world.missing() == list(hole)
    world.clock.at_ms += HOUR_MS // 2
    assert await world.cycle() == 1
    await world.source.close()
    world.boot()
    assert await world.cycle() == 5, "after a restart only the latest candles"
    (gap,) = world.store.gaps("coinbase", SYMBOL, H1)
    assert gap.span == TimeSpan(THIS_HOUR_MS - 729 * HOUR_MS, THIS_HOUR_MS - 699 * HOUR_MS)


async def test_in_idle_time_the_requests_come_one_by_one(world: World) -> None:
    under_way = most = waits = 0

    async def idle() -> None:
        nonlocal under_way, most, waits
        waits += 1
        under_way += 1
        most = max(most, under_way)
        under_way -= 1

    await world.window.refresh()
    healing = SeriesBackfill(IdleWay(world.source.pages, idle), world.store, world.source.clock, None)
    found = await healing.fill(SYMBOL, H1, TimeSpan(THIS_HOUR_MS - 300 * DAY_MS, THIS_HOUR_MS))
    assert (found, world.missing(), most) == (DOWN - KEPT, [], 1)
    assert waits >= 5
    assert await healing.fill(SYMBOL, H1, TimeSpan(THIS_HOUR_MS - 300 * DAY_MS, THIS_HOUR_MS)) == 0


async def test_nothing_is_fetched_before_the_first_stored_candle(world: World) -> None:
    await world.cycle()
    asked = len(world.exchange.asked)
    backfill = SeriesBackfill(world.source.pages, world.store, world.source.clock)
    assert await backfill.fill(SYMBOL, H1, TimeSpan(THIS_HOUR_MS - 900 * DAY_MS, THIS_HOUR_MS)) == 0
    assert await backfill.fill("ETH/USD", H1, TimeSpan(THIS_HOUR_MS - 900 * DAY_MS, THIS_HOUR_MS)) == 0
    assert len(world.exchange.asked) == asked


async def test_one_symbol_after_another_so_that_live_requests_wait_for_one_of_them_only(tmp_path: Path) -> None:
    count = 400
    candles = walk(count)
    way = ListedHistory(candles, TimeSpan(0, candles.last_at_ms + HOUR_MS), requests_per_s=1.0)
    clock, turn = FakeClock(candles.last_at_ms + HOUR_MS), asyncio.Lock()
    with closing(open_database(tmp_path / "autopilot.db")) as database:
        store = SqliteCandles(database)
        symbols = [f"COIN{number}/USD" for number in range(5)]
        for symbol in symbols:
            store.save_candles(way.exchange, symbol, candles[:1])
        filling = [SeriesBackfill(way, store, clock, turn=turn).fill(symbol, H1, way.gives) for symbol in symbols]
        assert await asyncio.gather(*filling) == [count - 1] * len(symbols)
    assert way.most_under_way == 3, "as many as keep the limit of one request per second busy"
