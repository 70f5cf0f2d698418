"""What a window asks the store and another exchange for, and how often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from fake_clock import FakeClock
from memory_candles import MemoryCandles

from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe
from autopilot.engine import lent_candles, market_window
from autopilot.engine.lent_candles import PAGE, LentCandles
from autopilot.engine.market_window import MarketWindow
from autopilot.ports.market_data import MarketSnapshot

M1 = Timeframe.M1


class CountedStore(MemoryCandles):
    reads = writes = 0

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        self.writes += 1
        return super().save_candles(exchange, symbol, candles)

    def load_candles(self, *series: object, **bounds: object) -> Candles:
        self.reads += 1
        return super().load_candles(*series, **bounds)  # type: ignore[arg-type]


@dataclass
class Exchange:
    """Gives the latest ``most`` candles that have closed; ``asked``: the numbers wanted of its history."""

    name: str
    candles: Candles
    clock: FakeClock
    most: int = 719
    kind: MarketKind = MarketKind.REAL
    is_down: bool = False
    asked: list[int] = field(default_factory=list)
    fetches: int = 0
    late: int = 0
    """Of so many fetches the newest candle is missing."""

    def _closed(self) -> Candles:
        return self.candles.until(self.clock.at_ms - M1.ms)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        self.fetches += 1
        latest, is_late = self._closed()[-self.most :].since(since_ms or 0), self.fetches <= self.late
        await asyncio.sleep(0)
        shown = latest[-limit : -1 if is_late else None]
        return MarketSnapshot(shown, Quote(symbol, 1.0, self.clock.at_ms), awaited=is_late)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        self.asked.append(limit)
        if self.is_down:
            raise MarketUnavailable("it is down", hint="wait")
        return self._closed().until(until_ms)[-limit:]


@dataclass
class World:
    store: CountedStore
    clock: FakeClock
    own: Exchange
    other: Exchange
    lent: LentCandles
    window: MarketWindow
    candles: Candles

    async def counts(self, number: int) -> tuple[int, int]:
        """(all candles, those of the other exchange) for the decision on candle ``number``."""
        self.clock.at_ms = int(self.candles.open_at_ms[number]) + M1.ms
        await self.window.refresh()
        found = await self.window.joined(int(self.candles.open_at_ms[number]))
        assert found.candles.last_at_ms == self.candles.open_at_ms[number]
        assert not found.candles.faults()
        return len(found.candles), found.joined


@pytest.fixture
def world(random_candles: Callable[..., Candles]) -> World:
    candles, store, clock = random_candles(1, 4_000, timeframe=M1), CountedStore(), FakeClock()
    own, other = Exchange("kraken", candles, clock), Exchange("coinbase", candles, clock)
    lent = LentCandles(other, store, "BTC/USD", M1)  # type: ignore[arg-type]
    window = MarketWindow(own, store, "BTC/USD", M1, lent)  # type: ignore[arg-type]
    return World(store, clock, own, other, lent, window, candles)


async def test_neither_is_asked_again_for_what_it_does_not_have(world: World) -> None:
    world.other.is_down = True
    assert await world.counts(2_000) == (719, 0)
    reads = world.store.reads
    for number in range(2_001, 2_059):
        assert await world.counts(number) == (719 + number - 2_000, 0)
    assert (world.store.reads, world.other.asked) == (reads, [281])
    world.other.is_down = False
    assert await world.counts(2_061) == (1_000, 220)
    assert world.other.asked == [281, 220]


async def test_an_import_is_found_within_an_hour(world: World) -> None:
    world.other.is_down = True
    assert await world.counts(2_000) == (719, 0)
    world.store.save_candles("kraken", "BTC/USD", world.candles[:1_500])
    assert await world.counts(2_001) == (720, 0)
    world.clock.at_ms += HOUR_MS
    assert await world.counts(2_000 + HOUR_MS // MINUTE_MS) == (1_000, 0)


async def test_one_page_is_lent_and_no_more(world: World) -> None:
    world.own.most = 400
    assert await world.counts(2_000) == (700, PAGE)
    for number in range(2_001, 2_100):
        assert await world.counts(number) == (700 + number - 2_000, PAGE)
    assert world.other.asked == [PAGE]


async def test_lent_candles_that_end_long_before_ours_are_not_joined(world: World) -> None:
    world.store.save_candles("coinbase", "BTC/USD", world.candles[:1_277])
    world.other.is_down = True
    assert await world.counts(2_000) == (719, 0), "four are missing between them"
    world.store.save_candles("coinbase", "BTC/USD", world.candles[1_277:1_279])
    world.clock.at_ms += 2 * HOUR_MS
    assert (await world.counts(2_061))[1] == 220


async def test_what_another_time_left_behind_is_not_joined(world: World) -> None:
    """The store has an old page of the other exchange, which now gives only a few candles."""
    world.store.save_candles("coinbase", "BTC/USD", world.candles[:600])
    world.other.candles = world.candles[1_200:]
    assert await world.counts(2_000) == (719 + 82, 82)


@pytest.mark.parametrize(("scale", "lent"), [(1.0, 281), (1.02, 281), (0.98, 281), (1.06, 0), (0.94, 0), (1e-3, 0)])
async def test_the_same_symbol_at_another_price_is_another_market(
    world: World, caplog: pytest.LogCaptureFixture, scale: float, lent: int
) -> None:
    own = world.candles
    prices = (scale * each for each in (own.open, own.high, own.low, own.close))
    world.other.candles = Candles(M1, own.open_at_ms, *prices, own.volume)
    for number in range(2_000, 2_004):
        assert await world.counts(number) == (719 + number - 2_000 + lent, lent)
        lent -= 1 if lent else 0
    assert caplog.text.count("it is another market") == (0 if lent else 1)


async def test_a_request_that_is_under_way_ends_with_the_account(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent_candles, "PATIENCE_S", 0.0)
    answered = asyncio.Event()
    history = world.other.history

    async def late(*arguments: Any) -> Candles:
        await answered.wait()
        return await history(*arguments)

    monkeypatch.setattr(world.other, "history", late)
    assert await world.counts(2_000) == (719, 0)
    await world.lent.close()
    answered.set()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not len(world.store.load_candles("coinbase", "BTC/USD", M1))


async def test_with_a_whole_window_of_our_own_nothing_is_lent(world: World) -> None:
    world.own.most = 1_500
    for number in range(2_000, 2_010):
        assert await world.counts(number) == (1_000, 0)
    assert (world.store.reads, world.other.asked) == (0, [])


async def test_a_candle_that_was_revised_after_its_close_replaces_the_one_in_use(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    await world.counts(2_000)
    revised = world.candles[2_000:2_001]
    revised.close[0] = revised.high[0] = 2 * revised.high[0]
    await world.counts(2_001)
    assert world.window.candles.candle(-2) == revised.candle(0)
    stored = world.store.load_candles("kraken", "BTC/USD", M1, since_ms=revised.last_at_ms)
    assert [stored.candle(0), stored.candle(1)] == [revised.candle(0), world.candles.candle(2_001)]
    assert caplog.text.count("the exchange revised the candle") == 1
    await world.counts(2_001)
    await world.counts(2_002)
    assert caplog.text.count("the exchange revised the candle") == 1


async def test_nothing_is_written_without_news(world: World) -> None:
    world.own.most = 1_500
    await world.counts(2_000)
    for _ in range(3):
        await world.counts(2_000)
    assert world.store.writes == 1
    await world.counts(2_001)
    assert world.store.writes == 2


async def test_after_a_long_pause_the_latest_candles_are_fetched(world: World) -> None:
    world.own.most = 1_500
    await world.counts(1_600)
    await world.counts(3_500)
    assert np.all(np.diff(world.window.candles.open_at_ms) == M1.ms)


@pytest.mark.parametrize(("late", "fetches", "missing"), [(0, 1, 0), (1, 2, 0), (2, 2, 1)])
async def test_symbols_that_ask_for_a_reference_at_the_same_close_share_the_requests(
    world: World, monkeypatch: pytest.MonkeyPatch, late: int, fetches: int, missing: int
) -> None:
    """Also if its candle is late or does not come."""
    monkeypatch.setattr(market_window, "SETTLING_S", 0.0)
    world.own.most, world.own.late = 1_500, late
    until_ms = int(world.candles.open_at_ms[2_000])
    world.clock.at_ms = until_ms + M1.ms
    found = await asyncio.gather(*(world.window.as_reference(until_ms, 1_000) for _ in range(20)))
    assert {len(each) and each.last_at_ms for each in found if each} == {until_ms - missing * M1.ms}
    assert world.own.fetches == fetches
