"""Counterfactual returns against a plain re-telling of the same rules, one candle at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Candles
from autopilot.domain.signal import SignalArrays
from autopilot.domain.sparse_signals import SparseSignals
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.performance.outcomes import TradingCost, counterfactual_outcomes, horizon


def walk(seed: int, length: int) -> tuple[Candles, SignalArrays]:
    random = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.02, length)))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0, 0.004, length))
    high = np.maximum(opened, close) * (1 + random.uniform(0, 0.02, length))
    low = np.minimum(opened, close) * (1 - random.uniform(0, 0.02, length))
    at = np.arange(length, dtype=np.int64) * HOUR_MS
    candles = Candles.from_arrays(Timeframe.H1, at, opened, high, low, close, random.uniform(1, 9, length))
    signals = SignalArrays(
        side=random.choice(np.array([-1, 0, 0, 1], dtype=np.int8), length),
        strength=np.full(length, 0.5),
        confidence=np.full(length, 0.5),
        stop_distance=random.uniform(0.005, 0.05, length),
        target_distance=random.uniform(0.005, 0.08, length),
    )
    return candles, signals


def told_plainly(candles: Candles, signals: SignalArrays, start: int, steps: int, cost: float) -> float:
    wealth, entry, stop, target = 1.0, None, 0.0, 0.0
    for at in range(start, start + steps):
        nxt = at + 1
        if entry is not None and signals.side[at] == -1:
            wealth, entry = wealth * candles.open[nxt] * (1 - cost) / entry, None
        elif entry is None and signals.side[at] == 1:
            entry = candles.open[nxt] * (1 + cost)
            stop = candles.close[at] * (1 - signals.stop_distance[at])
            target = candles.close[at] * (1 + signals.target_distance[at])
        if entry is not None and candles.low[nxt] <= stop:
            wealth, entry = wealth * min(candles.open[nxt], stop) * (1 - cost) / entry, None
        elif entry is not None and candles.high[nxt] >= target:
            wealth, entry = wealth * max(candles.open[nxt], target) * (1 - cost) / entry, None
    if entry is not None:
        wealth *= candles.close[start + steps] * (1 - cost) / entry
    return wealth - 1


@given(seed=st.integers(0, 10_000), steps=st.integers(1, 24), cost=st.sampled_from([0.0, 0.001, 0.02]))
def test_every_start_earns_what_the_plain_rules_say(seed: int, steps: int, cost: float) -> None:
    candles, signals = walk(seed, 60)
    starts = np.arange(0, 60 - steps)
    _, others = walk(seed + 1, 60)
    got = counterfactual_outcomes(
        candles, SparseSignals.of([signals, others]), starts, steps, TradingCost(cost)
    ).returns
    want = [[told_plainly(candles, each, int(start), steps, cost) for start in starts] for each in (signals, others)]
    assert got == pytest.approx(np.array(want), abs=1e-12)


def test_a_strategy_that_says_nothing_earns_nothing() -> None:
    candles, _ = walk(1, 40)
    silent = SparseSignals.of([SignalArrays.neutral(40)])
    got = counterfactual_outcomes(candles, silent, np.arange(10), 24, TradingCost(0.001)).returns
    assert got.tolist() == [[0.0] * 10]


@pytest.mark.parametrize(("timeframe", "candles"), [("1m", 1440), ("1h", 24), ("4h", 6), ("1d", 1)])
def test_the_horizon_is_a_day(timeframe: str, candles: int) -> None:
    assert horizon(Timeframe.parse(timeframe)) == candles
