"""Fewer points must not lose what the eye looks for: the extremes, the ends, the gaps."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.report.thinning import drawdowns_pct, joined, kept_points

value = st.floats(-1e6, 1e6) | st.just(float("nan"))


@given(st.lists(st.tuples(value, value), min_size=1, max_size=300), st.integers(4, 60))
def test_extremes_and_ends_of_every_line_are_kept(pairs: list[tuple[float, float]], limit: int) -> None:
    lines = [np.array(line) for line in zip(*pairs, strict=True)]
    kept = kept_points(lines, limit)
    assert kept[0] == 0
    assert kept[-1] == len(pairs) - 1
    assert (np.diff(kept) > 0).all()
    for line in lines:
        known = line[np.isfinite(line)]
        if len(known):
            assert np.nanmin(line[kept]) == known.min()
            assert np.nanmax(line[kept]) == known.max()


@pytest.mark.parametrize(("length", "lines", "limit"), [(100_000, 1, 1000), (99_991, 5, 1000), (1001, 2, 1000)])
def test_about_as_many_are_kept_as_asked_for(length: int, lines: int, limit: int) -> None:
    rng = np.random.default_rng(3)
    kept = kept_points([rng.normal(size=length).cumsum() for _ in range(lines)], limit)
    assert limit / 4 < len(kept) <= limit + 2


def test_every_stretch_of_the_period_keeps_its_own_extreme() -> None:
    line = np.zeros(10_000)
    line[[1234, 5678]] = 5.0, -5.0
    assert {1234, 5678} <= set(kept_points([line], 100).tolist())


def test_few_points_stay_as_they_are() -> None:
    assert kept_points([np.arange(10.0)], 10).tolist() == list(range(10))
    assert kept_points([np.empty(0)], 10).tolist() == []


def test_drawdown_counts_from_the_start_and_over_unknown_moments() -> None:
    equity = np.array([90.0, np.nan, 110.0, 99.0])
    np.testing.assert_allclose(drawdowns_pct(equity, 100.0), [-10.0, np.nan, 0.0, -10.0])
    assert len(drawdowns_pct(np.empty(0), 100.0)) == 0
    np.testing.assert_allclose(drawdowns_pct(np.array([0.0, 50.0, 25.0]), 0.0), [np.nan, 0.0, -50.0])


def test_joined_candles_are_those_of_the_coarser_grid() -> None:
    hours = np.array([4, 5, 6, 7, 9, 12])  # one is missing within a bucket, one begins alone
    opens = np.array([10.0, 11.0, 12.0, 13.0, 14.0, 15.0])
    high = np.array([11.0, 20.0, 13.0, 14.0, 15.0, 16.0])
    low = np.array([9.0, 10.0, 7.0, 12.0, 13.0, 14.0])
    candles = Candles(Timeframe.H1, hours * HOUR_MS, opens, high, low, opens + 0.5, opens)
    regimes = np.array([-1, 2, 2, 0, 3, 4], dtype=np.int8)
    coarse, codes = joined(candles, regimes, 4)
    assert (coarse.open_at_ms // HOUR_MS).tolist() == [4, 9, 12]
    assert coarse.open.tolist() == [10.0, 14.0, 15.0]
    assert coarse.high.tolist() == [20.0, 15.0, 16.0]
    assert coarse.low.tolist() == [7.0, 13.0, 14.0]
    assert coarse.close.tolist() == [13.5, 14.5, 15.5]
    assert coarse.volume.tolist() == [46.0, 14.0, 15.0]
    assert codes.tolist() == [2, 3, 4]
    assert codes.dtype == np.int8
