"""Scores against scikit-learn, scipy and their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import rankdata, spearmanr
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, brier_score_loss, log_loss

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.model.scoring import (
    MIN_PROBABILITY,
    accuracy,
    average_ranks,
    base_rates,
    brier,
    calibration_error,
    rank_correlation,
    reliability,
    row_log_loss,
)

SHARES = arrays(np.float64, st.integers(0, 60), elements=st.floats(0.0, 1.0) | st.integers(0, 10).map(lambda k: k / 10))
TABLES = arrays(
    np.float64,
    st.tuples(st.integers(0, 12), st.integers(0, 6)),
    elements=st.sampled_from([-2.0, -0.5, 0.0, 0.25, 1.0, math.nan]),
)


def some(seed: int, rows: int = 500, kinds: int = 6) -> tuple[FloatArray, IntArray]:
    random = np.random.default_rng(seed)
    return random.dirichlet(np.full(kinds, 0.3), size=rows), random.integers(kinds, size=rows)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kinds", [2, 6])
def test_probabilities_score_as_in_scikit_learn(seed: int, kinds: int) -> None:
    probabilities, classes = some(seed, kinds=kinds)
    every = list(range(kinds))
    clipped = np.maximum(probabilities, MIN_PROBABILITY)
    assert row_log_loss(probabilities, classes).mean() == pytest.approx(
        log_loss(classes, clipped / clipped.sum(axis=1, keepdims=True), labels=every), rel=1e-12
    )
    one_by_one = sum(brier_score_loss(classes == kind, probabilities[:, kind]) for kind in every)
    assert brier(probabilities, classes) == pytest.approx(one_by_one, rel=1e-12)
    assert accuracy(probabilities, classes) == accuracy_score(classes, probabilities.argmax(axis=1))


def test_certainty_costs_nothing_when_right_and_is_bounded_when_wrong() -> None:
    losses = row_log_loss(np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([0, 1]))
    assert losses.tolist() == [0.0, pytest.approx(-math.log(MIN_PROBABILITY))]


@given(arrays(np.int64, st.integers(0, 30), elements=st.integers(0, 3)))
def test_base_rates_count_each_class_once_more(classes: IntArray) -> None:
    rates = base_rates(classes, 4)
    assert rates.sum() == pytest.approx(1.0, abs=1e-12)
    expected = [(classes.tolist().count(kind) + 1) / (len(classes) + 4) for kind in range(4)]
    assert rates.tolist() == pytest.approx(expected, rel=1e-12)


@given(SHARES, st.integers(1, 12))
def test_each_statement_is_in_the_bin_whose_bounds_hold_it(stated: FloatArray, bins: int) -> None:
    came_true = stated > 0.4
    found = reliability(stated, came_true, bins)
    assert len(found) == bins
    for each in found:
        inside = (stated >= each.lower) & ((stated < each.upper) | (each.upper == 1.0))
        assert each.count == inside.sum()
        assert each.stated == pytest.approx(stated[inside].mean() if inside.any() else 0.0, abs=1e-12)
        assert each.observed == pytest.approx(came_true[inside].mean() if inside.any() else 0.0, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_scikit_learns_curve(seed: int) -> None:
    random = np.random.default_rng(seed)
    stated = random.beta(2.0, 2.0, size=400)
    came_true = random.random(400) < stated
    observed, said = calibration_curve(came_true, stated, n_bins=10)
    filled = [each for each in reliability(stated, came_true) if each.count]
    assert [each.observed for each in filled] == pytest.approx(observed.tolist(), abs=1e-12)
    assert [each.stated for each in filled] == pytest.approx(said.tolist(), abs=1e-12)


@pytest.mark.parametrize(
    ("stated", "came_true", "error"),
    [
        ([0.75] * 4, [True, True, True, False], 0.0),
        ([1.0, 1.0], [False, False], 1.0),
        ([0.05, 0.05, 0.95], [False, False, True], 0.05),
        ([0.35, 0.35, 0.85, 0.85], [True, False, True, True], 0.15),
        ([], [], 0.0),
    ],
)
def test_calibration_error(stated: list[float], came_true: list[bool], error: float) -> None:
    found = calibration_error(np.array(stated, dtype=np.float64), np.array(came_true, dtype=np.bool_))
    assert found == pytest.approx(error, abs=1e-12)


@given(
    arrays(
        np.float64,
        st.tuples(st.integers(0, 8), st.integers(0, 12)),
        elements=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-2, 2).map(float),
    )
)
def test_average_ranks_are_scipys_also_of_ties(values: FloatArray) -> None:
    assert (average_ranks(values) == rankdata(values, axis=1).reshape(values.shape)).all()


def ranked_by_scipy(expected: FloatArray, realized: FloatArray) -> float:
    known = np.isfinite(realized)
    if known.sum() < 3 or min(len(np.unique(each[known])) for each in (expected, realized)) < 2:
        return math.nan
    return float(spearmanr(expected[known], realized[known]).statistic)


@given(TABLES, st.integers(0, 2**32 - 1))
def test_rank_correlation_is_scipys_in_each_row(realized: FloatArray, seed: int) -> None:
    expected = np.random.default_rng(seed).integers(4, size=realized.shape).astype(np.float64)
    found = rank_correlation(expected, realized)
    assert found.shape == (len(realized),)
    scipys = [ranked_by_scipy(*row) for row in zip(expected, realized, strict=True)]
    assert found == pytest.approx(np.array(scipys), abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("expected", "realized", "correlation"),
    [
        ([1.0, 2.0, 3.0], [0.1, 0.5, 0.7], 1.0),
        ([1.0, 2.0, 3.0], [9.0, 5.0, -7.0], -1.0),
        ([1.0, 9.0, 2.0, 3.0], [1.0, math.nan, 2.0, 3.0], 1.0),
        ([1.0, 2.0, 3.0], [0.1, math.nan, 0.7], math.nan),
        ([1.0, 1.0, 1.0], [0.1, 0.5, 0.7], math.nan),
        ([1.0, 2.0, 3.0], [0.0, 0.0, 0.0], math.nan),
    ],
)
def test_rank_correlation_of_one_decision(expected: list[float], realized: list[float], correlation: float) -> None:
    found = rank_correlation(np.array([expected]), np.array([realized]))
    assert found.tolist() == pytest.approx([correlation], nan_ok=True)
