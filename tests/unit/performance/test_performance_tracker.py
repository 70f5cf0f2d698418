from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from autopilot.analysis.regime import WARM_UP
from autopilot.analysis.view import market_view
from autopilot.domain.candles import Candles
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.performance.outcomes import TradingCost
from autopilot.performance.performance_tracker import MATURED_AT_ONCE, RECENT_DAYS, PerformanceTracker

COST = TradingCost(0.001)
NAMES = ("eager", "silent")


class Samples:
    """A SampleStore in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], PerformanceSample] = {}

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        for sample in samples:
            self.kept.setdefault((sample.symbol, sample.candle_at_ms), sample)

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        found = [sample for sample in self.kept.values() if sample.candle_at_ms >= since_ms]
        return tuple(sorted(found, key=lambda sample: (sample.candle_at_ms, sample.symbol)))

    def samples_of(
        self, exchange: str, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> tuple[PerformanceSample, ...]:
        found = self.load_samples(exchange, timeframe, since_ms)
        return tuple(sample for sample in found if sample.symbol == symbol)[:limit]

    def sampled_symbols(self, exchange: str, timeframe: Timeframe) -> tuple[str, ...]:
        return tuple(sorted({sample.symbol for sample in self.kept.values()}))


def market(seed: int, length: int = 1400) -> tuple[Candles, dict[str, SignalArrays]]:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, length)))
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) * 1.002, np.minimum(opened, close) * 0.998
    at = np.arange(length, dtype=np.int64) * HOUR_MS + 20_000 * DAY_MS
    candles = Candles.from_arrays(Timeframe.H1, at, opened, high, low, close, np.full(length, 5.0))
    side = (random.random(length) < 0.2).astype(np.int8)
    half = np.full(length, 0.5)
    eager = SignalArrays(side, half, half, np.full(length, 0.02), np.full(length, 0.04))
    return candles, {"eager": eager, "silent": SignalArrays.neutral(length)}


def cut(arrays: dict[str, SignalArrays], window: slice) -> dict[str, SignalArrays]:
    return {
        name: SignalArrays(
            one.side[window],
            one.strength[window],
            one.confidence[window],
            one.stop_distance[window],
            one.target_distance[window],
        )
        for name, one in arrays.items()
    }


def observe(tracker: PerformanceTracker, symbol: str, seed: int, end: int) -> tuple[PerformanceSample, ...]:
    candles, arrays = market(seed)
    window = slice(end - 1000, end)
    seen = candles[window]
    view = market_view(symbol, seen, None, None)
    return tracker.observe(symbol, view, cut(arrays, window), {}, len(seen) - 1)


def tracker_on(store: Samples) -> PerformanceTracker:
    return PerformanceTracker("simulated", Timeframe.H1, NAMES, store, COST)


def test_the_first_window_is_matured_from_its_warm_up_on() -> None:
    store = Samples()
    samples = observe(tracker_on(store), "BTC/USD", 1, 1000)
    candles, _ = market(1)
    assert [sample.candle_at_ms for sample in samples] == candles.open_at_ms[WARM_UP : 1000 - 24].tolist()
    assert all(sample.matured_at_ms == sample.candle_at_ms + 25 * HOUR_MS for sample in samples)
    assert {name for sample in samples for name in sample.returns} == set(NAMES)


def test_every_candle_is_matured_once_and_never_before_its_horizon() -> None:
    store = Samples()
    tracker = tracker_on(store)
    for end in range(1000, 1101):
        for sample in observe(tracker, "BTC/USD", 1, end):
            candles, _ = market(1)
            assert sample.matured_at_ms <= candles.open_at_ms[end - 1] + HOUR_MS
    at_ms = sorted(moment for _, moment in store.kept)
    assert np.diff(at_ms).tolist() == [HOUR_MS] * (len(at_ms) - 1)
    assert len(at_ms) >= 1100 - 24 - WARM_UP - MATURED_AT_ONCE


@pytest.mark.parametrize("stop", [1001, 1007, 1012, 1030])
def test_a_restart_changes_nothing(stop: int) -> None:
    through, resumed = Samples(), Samples()
    one, two = tracker_on(through), tracker_on(resumed)
    for end in range(1000, 1060):
        if end == stop:
            candles, _ = market(1)
            two = tracker_on(resumed)
            two.resume(int(candles.open_at_ms[end - 2]))
            while two.load_more():
                pass
        for symbol, seed in (("BTC/USD", 1), ("ETH/USD", 2)):
            observe(one, symbol, seed, end)
            observe(two, symbol, seed, end)
            for name in NAMES:
                assert one.recent_bps(symbol)[name] == two.recent_bps(symbol)[name]
    assert through.kept == resumed.kept


def test_the_record_is_the_mean_shrunk_towards_that_of_all_symbols() -> None:
    store = Samples()
    tracker = tracker_on(store)
    observe(tracker, "BTC/USD", 1, 1000)
    observe(tracker, "ETH/USD", 2, 1000)
    own = [sample.returns["eager"] for (symbol, _), sample in store.kept.items() if symbol == "BTC/USD"]
    everyone = [sample.returns["eager"] for sample in store.kept.values()]
    recent = tracker.recent_bps("BTC/USD")["eager"]
    low, high = sorted((np.mean(own) * 1e4, np.mean(everyone) * 1e4))
    assert min(low, 0) <= recent <= max(high, 0)
    assert recent != 0
    assert tracker.recent_bps("BTC/USD")["silent"] == 0
    assert "unheard of" not in tracker.recent_bps("BTC/USD")
    assert len(own) <= RECENT_DAYS * 24
