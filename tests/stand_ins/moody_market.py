"""A made-up market with every mood, for the proofs about strategies."""

from __future__ import annotations

import numpy as np

from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe

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
