"""Readings of a block equal those of each candle's own window, and know nothing of later candles."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest

from autopilot.adapters.exchange.offline_markets.settings import SimulatedSettings
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.sentiment.offline import SimulatedSentiment
from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.domain.candles import Candles
from autopilot.domain.errors import AutopilotError
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.block_reading import BlockReader, can_read_blocks
from autopilot.engine.market_window import JoinedCandles, MarketWindow
from autopilot.engine.maturing import Maturing
from autopilot.engine.reading import BLOCK, Reading, ViewMaker, WindowReader
from autopilot.performance.outcomes import TradingCost
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.strategies.base import MarketView, SignalArrays
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.strategies.trend_following.macd import Macd

SYMBOL, REFERENCE, H1 = "ETH/USD", "BTC/USD", Timeframe.H1
STRATEGIES, ANALYZER = StrategySet(builtin_strategies()), MarketAnalyzer()
BEGIN = 470_000 // BLOCK * BLOCK + BLOCK - 30
"""The first candle that is read, in candles since 1970: shortly before the end of a block."""


class Market(SimulatedExchange):
    """A simulated market whose candles from ``revised_ms`` on are others. ``asked``: how often it was looked ahead."""

    def __init__(self, revised_ms: int | None = None) -> None:
        super().__init__(SimulatedSettings(seed=5))
        self._revised_ms = revised_ms
        self.asked = 0

    def known(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        self.asked += 1
        found = super().known(symbol, timeframe, until_ms, limit)
        if self._revised_ms is None:
            return found
        factor = np.where(found.open_at_ms >= self._revised_ms, 1.7, 1.0)
        prices = {name: getattr(found, name) * factor for name in ("open", "high", "low", "close", "volume")}
        return replace(found, **prices)


def single(market: Market, strategies: StrategySet = STRATEGIES) -> WindowReader:
    views = ViewMaker(SYMBOL, _Reference(market), SimulatedSentiment(market))  # type: ignore[arg-type]
    return WindowReader(views, ANALYZER, strategies)


def ahead(market: Market, strategies: StrategySet = STRATEGIES) -> BlockReader:
    mood, alone = SimulatedSentiment(market), single(market, strategies)
    return BlockReader(SYMBOL, market, mood, ANALYZER, strategies, alone, asyncio.Lock())


@dataclass
class _Reference:
    market: Market

    async def as_reference(self, until_ms: int, length: int) -> Candles:
        return self.market.known(REFERENCE, H1, until_ms, length)


def windows(market: Market, count: int, length: int = WINDOW, first: int = BEGIN) -> list[JoinedCandles]:
    """The windows of the candles that are read."""
    closed_ms = [(first + number) * H1.ms for number in range(count)]
    known = [market.known(SYMBOL, H1, at_ms, length) for at_ms in closed_ms]
    return [
        JoinedCandles(found, 0, None)
        for found, at_ms in zip(known, closed_ms, strict=True)
        if found.last_at_ms == at_ms  # a candle may be missing
    ]


def discrete(reading: Reading) -> object:
    """All of a reading that is no rounded number."""
    conditions, evaluation = reading.conditions, reading.evaluation
    return (
        conditions.candle_at_ms,
        conditions.price,
        conditions.regime,
        conditions.candles_in_regime,
        conditions.external_signals,
        conditions.features.names,
        {name: (one.signal_type, one.price) for name, one in evaluation.signals.items()},
        {name: evaluation.explained(name).reason for name in evaluation.signals},
        evaluation.errors,
        reading.basis,
    )


def numbers(reading: Reading) -> list[float]:
    conditions = reading.conditions
    signals = reading.evaluation.signals.values()
    return [
        conditions.regime_strength,
        conditions.adx,
        conditions.atr,
        conditions.volatility_ratio,
        *conditions.features.values,
        *(value for one in signals for value in (one.strength, one.confidence, one.stop, one.target)),
    ]


async def test_readings_of_a_block_equal_those_of_each_window() -> None:
    market = Market()
    block, own = ahead(market), single(market)
    for window in windows(market, 40):
        found, expected = await block.read(window), await own.read(window)
        assert discrete(found) == discrete(expected)
        np.testing.assert_allclose(numbers(found), numbers(expected), rtol=1e-9, atol=1e-9)


async def test_a_block_is_evaluated_once() -> None:
    market = Market()
    reader, read = ahead(market), windows(market, 25)
    asked = []
    for window in read:
        await reader.read(window)
        asked.append(market.asked)
    assert len(set(asked)) == 1


@pytest.mark.parametrize("revised", [1, 7, 45])
async def test_no_candle_to_come_changes_a_reading(revised: int) -> None:
    market, other = Market(), Market(revised_ms=(BEGIN + revised) * H1.ms)
    one, two = ahead(market), ahead(other)
    for window in windows(market, revised):
        found, expected = await two.read(window), await one.read(window)
        assert discrete(found) == discrete(expected)
        assert numbers(found) == numbers(expected)


async def test_a_restart_in_a_block_changes_no_digit() -> None:
    market = Market()
    through = ahead(market)
    for number, window in enumerate(windows(market, 45)):
        expected = await through.read(window)
        if number % 11 == 10:
            found = await ahead(market).read(window)
            assert discrete(found) == discrete(expected)
            assert numbers(found) == numbers(expected)


async def test_a_short_history_and_another_candle_are_read_by_themselves() -> None:
    market = Market()
    block, own = ahead(market), single(market)
    (short,) = windows(market, 1, length=600)
    assert (await block.read(short)).basis == (await own.read(short)).basis
    (window,) = windows(market, 1)
    moved = replace(window.candles, close=window.candles.close * 1.0001)
    found = await block.read(window._replace(candles=moved))
    assert found.conditions.price == moved.close[-1]


@dataclass(frozen=True)
class FailsLater(Macd):
    """Fails if the view has a candle from ``bad_ms`` on."""

    bad_ms: int = 0

    def signals(self, view: MarketView) -> SignalArrays:
        if view.candles.last_at_ms >= self.bad_ms:
            raise ValueError("a candle that it does not like")
        return super().signals(view)


async def test_a_strategy_that_fails_later_has_its_opinion_until_then() -> None:
    market = Market()
    window, *_ = windows(market, 1)
    strategies = StrategySet((FailsLater(bad_ms=window.candles.last_at_ms + H1.ms),))
    found = await ahead(market, strategies).read(window)
    assert found.evaluation.errors == {}
    expected = await single(market, StrategySet((Macd(),))).read(window)
    assert found.evaluation.signals == expected.evaluation.signals


def test_strategies_of_the_user_are_asked_candle_by_candle() -> None:
    assert can_read_blocks(STRATEGIES)
    assert not can_read_blocks(StrategySet((*builtin_strategies()[2:], FailsLater())))


class Samples:
    """A SampleStore in memory that ends the program after ``most`` samples."""

    def __init__(self, most: int | None = None) -> None:
        self.kept: dict[int, PerformanceSample] = {}
        self.most = most

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        self.kept |= {sample.candle_at_ms: sample for sample in samples}
        if self.most and len(self.kept) >= self.most:
            raise KeyboardInterrupt

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        raise NotImplementedError

    def samples_of(
        self, exchange: str, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> tuple[PerformanceSample, ...]:
        found = sorted(at_ms for at_ms in self.kept if at_ms >= since_ms)
        return tuple(self.kept[at_ms] for at_ms in found[:limit])

    def sampled_symbols(self, exchange: str, timeframe: Timeframe) -> tuple[str, ...]:
        return (SYMBOL,) if self.kept else ()


async def observe(market: Market, store: Samples, window: JoinedCandles) -> None:
    """Mature what is due at the last candle of ``window``, after a start."""
    reader = single(market)
    market.subscribe([SYMBOL], H1, window.candles.last_at_ms + H1.ms)
    tracker = PerformanceTracker("simulated", H1, STRATEGIES.names, store, TradingCost(0.0015))
    tracker.resume(window.candles.last_at_ms)
    own = MarketWindow(market, store, SYMBOL, H1, None)  # type: ignore[arg-type]
    maturing = Maturing(SYMBOL, tracker, STRATEGIES, own, reader, asyncio.Lock(), asyncio.Event())
    await maturing.observe(await reader.read(window), window, is_first=True)


async def test_samples_matured_in_blocks_equal_those_of_one_evaluation() -> None:
    market, store, one = Market(), Samples(), Samples()
    window = windows(market, 1)[0]
    await observe(market, store, window)
    tracker = PerformanceTracker("simulated", H1, STRATEGIES.names, one, TradingCost(0.0015))
    due = tracker.candles_due(SYMBOL, window.candles.last_at_ms)
    view = await single(market).view(market.known(SYMBOL, H1, window.candles.last_at_ms, due))
    arrays = STRATEGIES.evaluate(view).arrays
    tracker.observe(SYMBOL, view, arrays, STRATEGIES.lacking(view), len(view.candles) - 1)
    assert len(one.kept) == 30 * 24
    assert store.kept.keys() == one.kept.keys()
    for at_ms, sample in store.kept.items():
        assert sample.regime is one.kept[at_ms].regime
        assert sample.returns == pytest.approx(one.kept[at_ms].returns, rel=1e-9, abs=1e-12)


async def test_a_death_while_catching_up_changes_no_digit() -> None:
    market, store, through = Market(), Samples(most=1), Samples()
    window = windows(market, 1, first=BEGIN + 400)[0]
    await observe(market, through, window)
    with pytest.raises(KeyboardInterrupt):
        await observe(market, store, window)
    assert 0 < len(store.kept) < len(through.kept)
    store.most = None
    await observe(market, store, window)
    assert store.kept == through.kept


@pytest.mark.parametrize(("timeframe", "is_long"), [(Timeframe.M1, True), (Timeframe.M5, True), (Timeframe.H1, False)])
async def test_long_work_is_announced_before_it_waits_for_its_turn(timeframe: Timeframe, is_long: bool) -> None:
    market, turn, begun = Market(), asyncio.Lock(), asyncio.Event()
    last_ms = 470_000 * H1.ms
    candles = market.known(SYMBOL, timeframe, last_ms, WINDOW)
    tracker = PerformanceTracker("simulated", timeframe, STRATEGIES.names, Samples(), TradingCost(0.0015))
    own = MarketWindow(market, Samples(), SYMBOL, timeframe, None)  # type: ignore[arg-type]
    reader = single(market)
    maturing = Maturing(SYMBOL, tracker, STRATEGIES, own, reader, turn, begun)
    joined = JoinedCandles(candles, 0, None)
    reading = await reader.read(joined)
    maturing.is_stopping = True
    async with turn:
        work = asyncio.create_task(maturing.observe(reading, joined, is_first=True))
        await asyncio.sleep(0)
        assert (begun.is_set(), work.done()) == (is_long, False)
    with pytest.raises(AutopilotError, match="stopped while it catches up"):
        await work
