"""Sparse signals say what the whole arrays say, however the candles are cut into spans."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Int8Array
from autopilot.domain.signal import SignalArrays
from autopilot.domain.sparse_signals import SparseSignals

LENGTH, STRATEGIES = 40, 3


def arrays_of(seed: int) -> list[SignalArrays]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(STRATEGIES):
        side = random.choice(np.array([-1, 0, 0, 0, 1], dtype=np.int8), LENGTH)
        shares = np.where(side != 0, random.uniform(0.1, 1.0, (2, LENGTH)), 0.0)
        found.append(SignalArrays(side, *shares, *random.uniform(0.01, 0.05, (2, LENGTH))))
    return found


def sides_of(arrays: list[SignalArrays]) -> Int8Array:
    return np.stack([each.side for each in arrays])


@given(seed=st.integers(0, 10_000), cuts=st.sets(st.integers(1, LENGTH - 1), max_size=4))
def test_joined_spans_are_the_whole(seed: int, cuts: set[int]) -> None:
    arrays, bounds = arrays_of(seed), [0, *sorted(cuts), LENGTH]
    parts = []
    for first, end in pairwise(bounds):
        begin = max(first - 5, 0)
        columns = ("side", "strength", "confidence", "stop_distance", "target_distance")
        seen = [SignalArrays(*(getattr(each, name)[begin:end] for name in columns)) for each in arrays]
        parts.append(SparseSignals.of(seen, first - begin, number=begin))
    whole, every = SparseSignals.joined(parts), np.arange(LENGTH)
    np.testing.assert_array_equal(whole.spread(whole.side, every), sides_of(arrays))
    np.testing.assert_array_equal(whole.spread(whole.strength, every), [each.strength for each in arrays])
    stops = [np.where(each.side != 0, each.stop_distance, 0.0) for each in arrays]
    np.testing.assert_array_equal(whole.spread(whole.stop_distance, every), stops)


@given(seed=st.integers(0, 10_000), span=st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)))
def test_a_span_and_chosen_candles_are_cut_out(seed: int, span: tuple[int, int]) -> None:
    arrays, (first, end) = arrays_of(seed), sorted(span)
    signals = SparseSignals.of(arrays)
    part = signals.between(first, end)
    expected = sides_of(arrays) * ((np.arange(LENGTH) >= first) & (np.arange(LENGTH) < end))
    np.testing.assert_array_equal(part.spread(part.side, np.arange(LENGTH)), expected)
    rows = np.unique(np.random.default_rng(seed).integers(0, LENGTH, 9))
    np.testing.assert_array_equal(signals.spread(signals.side, rows), sides_of(arrays)[:, rows])
    assert signals.spread(signals.side, rows[:0]).shape == (STRATEGIES, 0)


def test_a_signal_has_a_number_where_it_is() -> None:
    arrays = arrays_of(1)
    signals = SparseSignals.of(arrays)
    for strategy, each in enumerate(arrays):
        for candle in range(LENGTH):
            number = signals.number(strategy, candle)
            assert (number is None) == (each.side[candle] == 0)
            if number is not None:
                found = signals.strategy[number], signals.at[number], signals.confidence[number]
                assert found == (strategy, candle, each.confidence[candle])


def test_strategies_and_candles_are_silenced_and_replaced() -> None:
    arrays, silenced = arrays_of(2), np.array([3, 7, 20])
    signals = SparseSignals.of(arrays)
    alone = signals.without({1})
    assert not alone.spread(alone.side, np.arange(LENGTH))[1].any()
    np.testing.assert_array_equal(alone.spread(alone.side, np.arange(LENGTH))[0], arrays[0].side)

    added = [SignalArrays.neutral(LENGTH) for _ in arrays]
    spoken = np.zeros(LENGTH, dtype=np.int8)
    spoken[7] = -1
    added[2] = replace(added[2], side=spoken)
    changed = signals.replaced(silenced, SparseSignals.of(added))
    expected = sides_of(arrays)
    expected[:, silenced] = 0
    expected[2, 7] = -1
    np.testing.assert_array_equal(changed.spread(changed.side, np.arange(LENGTH)), expected)
    assert [*np.diff(changed.at)[np.diff(changed.strategy) == 0]] > [0]
