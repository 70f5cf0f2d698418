"""A strategy's last entry on a window of 1,000 candles is its entry on the whole series; no two say the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.strategies.contract import FIELDS, faults
from autopilot.strategies.registry import Evaluation, StrategySet, builtin_strategies

STRATEGIES = StrategySet(builtin_strategies())
SERIES = 4000


def moody_market(seed: int, *, price: float = 100.0, timeframe: Timeframe = Timeframe.H1) -> tuple[Candles, Candles]:
    """A symbol and its reference, which share a factor: trends, ranges, bursts and quiet in turn, still stretches
    without volume, jumps, and candles that are absent."""
    random = np.random.default_rng(seed)
    own, other = (_closes(random, shared) for shared in [random.normal(size=SERIES) * 0.006] * 2)
    still = np.zeros(SERIES, dtype=bool)
    for start in random.integers(0, SERIES - 200, size=3):
        still[start : start + int(random.integers(5, 200))] = True
    return (
        _candles(random, own * ~still, still, price, timeframe),
        _candles(random, other, np.zeros(SERIES, dtype=bool), 1.0, timeframe),
    )


def _closes(random: np.random.Generator, shared: np.ndarray) -> np.ndarray:
    """Log returns: regimes of 40 to 200 candles, each with its own drift, volatility and pull to its mean."""
    steps = np.zeros(SERIES)
    start = 0
    while start < SERIES:
        length = int(random.integers(40, 200))
        drift, volatility = random.choice([-0.003, 0.0, 0.0, 0.003]), random.choice([0.001, 0.004, 0.015])
        noise = random.standard_t(4, size=length) * volatility
        pull = random.choice([0.0, 0.15])
        level = 0.0
        for i in range(min(length, SERIES - start)):
            step = drift + noise[i] - pull * level
            level += step - drift
            steps[start + i] = step
        start += length
    steps[random.integers(1, SERIES, size=2)] += random.choice([-0.3, 0.3], size=2)
    return steps + shared * random.choice([0.3, 1.0])


def _candles(
    random: np.random.Generator, steps: np.ndarray, still: np.ndarray, price: float, timeframe: Timeframe
) -> Candles:
    close = price * np.exp(np.cumsum(steps))
    opened = np.concatenate([[price], close[:-1]])
    reach = np.where(still, 0.0, np.abs(random.normal(size=(2, SERIES))) * 0.003)
    volume = np.where(still, 0.0, random.lognormal(3.0, 0.7, SERIES) * (1.0 + 150.0 * np.abs(steps)))
    kept = random.random(SERIES) > 0.01
    columns = (
        1_600_000_000_000 // DAY_MS * DAY_MS + np.arange(SERIES, dtype=np.int64) * timeframe.ms,
        opened,
        np.maximum(opened, close) * (1.0 + reach[0]),
        np.minimum(opened, close) * (1.0 - reach[1]),
        close,
        volume,
    )
    return Candles.from_arrays(timeframe, *(column[kept] for column in columns))


def moods(candles: Candles, seed: int) -> SentimentSeries:
    """A daily index that wanders between its extremes, with weeks in which it is missing."""
    random = np.random.default_rng(seed)
    days = np.arange(candles.open_at_ms[0], candles.last_at_ms, DAY_MS)
    value = 50.0 + 45.0 * np.sin(np.cumsum(random.normal(size=len(days))) * 0.4)
    kept = np.ones(len(days), dtype=bool)
    kept[len(days) // 2 : len(days) // 2 + 7] = False
    return SentimentSeries("index", days[kept], value[kept])


def window_of(candles: Candles, reference: Candles, sentiment: SentimentSeries, end: int) -> MarketView:
    """What the live cycle would have been given at candle ``end - 1``."""
    window = candles[end - WINDOW : end]
    return market_view("X/USD", window, reference.until(window.last_at_ms)[-WINDOW:], sentiment)


def check_windows(candles: Candles, reference: Candles, sentiment: SentimentSeries, ends: list[int]) -> Evaluation:
    whole = STRATEGIES.evaluate(market_view("X/USD", candles, reference, sentiment))
    assert not whole.errors
    for end in ends:
        window = STRATEGIES.evaluate(window_of(candles, reference, sentiment, end))
        assert not window.errors
        for name in STRATEGIES.names:
            seen, expected = window.arrays[name], whole.arrays[name]
            assert seen.side[-1] == expected.side[end - 1], (name, end)
            for field in FIELDS[1:]:
                assert abs(getattr(seen, field)[-1] - getattr(expected, field)[end - 1]) < 1e-9, (name, field, end)
    return whole


@given(
    seed=st.integers(0, 2**32 - 1),
    price=st.sampled_from([1e-5, 1.0, 60_000.0]),
    timeframe=st.sampled_from([Timeframe.M5, Timeframe.H1, Timeframe.D1]),
)
@settings(max_examples=30, derandomize=True)
def test_windows_and_whole_series_agree(seed: int, price: float, timeframe: Timeframe) -> None:
    candles, reference = moody_market(seed, price=price, timeframe=timeframe)
    random = np.random.default_rng(seed)
    ends = [*random.integers(WINDOW, len(candles), size=4).tolist(), len(candles)]
    check_windows(candles, reference, moods(candles, seed), ends)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, derandomize=True)
def test_windows_that_end_where_a_strategy_speaks_agree(seed: int) -> None:
    """Most candles say nothing; these are the ones that matter."""
    candles, reference = moody_market(seed)
    sentiment = moods(candles, seed)
    whole = STRATEGIES.evaluate(market_view("X/USD", candles, reference, sentiment))
    random = np.random.default_rng(seed)
    ends = []
    for arrays in whole.arrays.values():
        spoken = np.flatnonzero(arrays.side[WINDOW:]) + WINDOW + 1
        ends += random.choice(spoken, size=1).tolist() if len(spoken) else []
    check_windows(candles, reference, sentiment, ends)


@pytest.mark.parametrize(
    "name", ["KRAKEN_BTC-USD_1h.csv.gz", "BINANCE_ADA-USDT_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz"]
)
def test_windows_and_whole_series_agree_on_real_candles(real_candles: Callable[[str], Candles], name: str) -> None:
    candles, reference = real_candles(name)[-20_000:], real_candles("KRAKEN_ETH-USD_1h.csv.gz")
    ends = np.random.default_rng(2).integers(WINDOW, len(candles), size=20).tolist()
    check_windows(candles, reference, moods(candles, 1), ends)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, derandomize=True)
def test_short_views_keep_the_contract(seed: int) -> None:
    random = np.random.default_rng(seed)
    candles, reference = moody_market(seed)
    start = int(random.integers(0, 2000))
    view = market_view("X/USD", candles[start : start + int(random.integers(1, 400))], reference, moods(candles, seed))
    evaluation = STRATEGIES.evaluate(view)
    assert not evaluation.errors
    assert not faults(evaluation.arrays, len(view.candles))


def test_no_two_strategies_say_the_same() -> None:
    """The side they take, as one number a candle, correlates well below 1 between any two of them."""
    spoken = []
    for seed in range(4):
        candles, reference = moody_market(seed)
        arrays = STRATEGIES.evaluate(market_view("X/USD", candles, reference, moods(candles, seed))).arrays
        spoken.append(np.array([arrays[name].side[WINDOW:] for name in STRATEGIES.names]))
    sides = np.concatenate(spoken, axis=1)
    talkative = dict(zip(STRATEGIES.names, np.abs(sides).mean(axis=1), strict=True))
    assert min(talkative.values()) > 0.002, talkative
    assert max(talkative.values()) < 0.25, talkative
    alike = np.abs(np.corrcoef(sides)) - np.eye(len(sides))
    first, second = np.unravel_index(int(alike.argmax()), alike.shape)
    assert alike.max() < 0.6, (STRATEGIES.names[first], STRATEGIES.names[second], alike.max())
