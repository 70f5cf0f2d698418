from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from autopilot.analysis.rolling import (
    Windows,
    change,
    lagged,
    rolling_max,
    rolling_mean,
    rolling_median,
    rolling_min,
    rolling_moments,
    rolling_std,
    rolling_sum,
)

NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=0, max_size=60)
ORACLES = [
    (rolling_sum, np.sum),
    (rolling_max, np.max),
    (rolling_min, np.min),
    (rolling_mean, np.mean),
    (rolling_median, np.median),
    (lambda series, n: rolling_moments(series, n)[0], np.mean),
    (lambda series, n: rolling_moments(series, n)[1], np.var),
]


def by_hand(series: NDArray[np.float64], n: int, statistic) -> NDArray[np.float64]:
    return np.array([statistic(series[end - n : end]) if end >= n else np.nan for end in range(1, len(series) + 1)])


@given(numbers=NUMBERS, n=st.integers(1, 40))
def test_every_statistic_equals_its_numpy_oracle(numbers: list[float], n: int) -> None:
    series = np.array(numbers, dtype=np.float64)
    scale = max(1.0, float(np.abs(series).max(initial=0.0)))
    for ours, oracle in ORACLES:
        tolerance = 1e-12 * scale * (scale if oracle is np.var else n)
        np.testing.assert_allclose(ours(series, n), by_hand(series, n, oracle), rtol=1e-12, atol=tolerance)


def test_deviation_equals_numpys() -> None:
    series = np.random.default_rng(1).normal(0.001, 0.01, size=300)
    np.testing.assert_allclose(rolling_std(series, 24), by_hand(series, 24, np.std), rtol=1e-12)


def test_windows_share_their_work_and_stay_right() -> None:
    series = np.random.default_rng(2).normal(size=200)
    windows = Windows(series, np.add)
    for n in (168, 3, 24, 1, 7, 200, 201):
        np.testing.assert_allclose(windows.over(n), by_hand(series, n, np.sum), atol=1e-12)


@pytest.mark.parametrize("fold", [np.add, np.maximum, np.minimum])
@pytest.mark.parametrize("n", [1, 2, 7, 24, 50, 51])
def test_rows_are_folded_as_if_each_were_alone(fold: np.ufunc, n: int) -> None:
    rows = np.random.default_rng(3).normal(size=(2, 3, 50))
    rows[0, 1, 20] = rows[1, 2, 0] = np.nan
    together = Windows(rows, fold).over(n)
    alone = [[Windows(series, fold).over(n) for series in block] for block in rows]
    np.testing.assert_array_equal(together, alone)


@pytest.mark.parametrize("statistic", [rolling_sum, rolling_mean, rolling_max, rolling_median, rolling_std])
def test_what_came_before_the_window_leaves_no_trace(statistic) -> None:
    """TA-Lib's running sums fail this: after a spike of 1e9 they keep an error of about 1e-7 for ever."""
    calm = np.random.default_rng(3).normal(size=100)
    shaken = np.concatenate([[1e9, -1e9, 1e-9], calm])
    np.testing.assert_array_equal(statistic(shaken, 20)[-50:], statistic(calm, 20)[-50:])


def test_variance_of_a_flat_price_is_exactly_zero() -> None:
    mean, variance = rolling_moments(np.full(50, 63_123.37), 20)
    assert np.all(mean[19:] == 63_123.37)
    assert np.all(variance[19:] == 0.0)


def test_a_hole_is_forgotten_after_the_window() -> None:
    series = np.arange(20.0)
    series[5] = np.nan
    for statistic in (rolling_sum, rolling_max, rolling_median):
        assert np.flatnonzero(np.isnan(statistic(series, 4))).tolist() == [0, 1, 2, 5, 6, 7, 8]


def test_steps_and_lags() -> None:
    series = np.array([1.0, 4.0, 9.0])
    np.testing.assert_array_equal(change(series), [np.nan, 3.0, 5.0])
    np.testing.assert_array_equal(lagged(series, 2), [np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(lagged(series, 0), series)
    assert len(change(np.empty(0))) == 0
