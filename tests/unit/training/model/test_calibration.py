"""Calibration: it finds what was planted, and is never worse than base rates on the rows it was fitted on."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special
from scipy.optimize import minimize_scalar

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.model.calibration import UNCALIBRATED, Calibration, fit_calibration, minimize_bounded, softmax
from autopilot.training.model.scoring import base_rates, calibration_error, row_log_loss

KINDS = 4
SCORES = arrays(np.float64, st.tuples(st.integers(1, 30), st.just(KINDS)), elements=st.floats(-30.0, 30.0))


def drawn(probabilities: FloatArray, seed: int) -> IntArray:
    """Classes that come with these probabilities."""
    random = np.random.default_rng(seed).random(len(probabilities))
    return np.minimum((probabilities.cumsum(axis=1) < random[:, None]).sum(axis=1), probabilities.shape[1] - 1)


def truth(seed: int, rows: int = 20_000, spread: float = 1.5) -> FloatArray:
    return np.random.default_rng(seed).normal(0.0, spread, size=(rows, KINDS))


def loss(calibration: Calibration, raw: FloatArray, classes: IntArray, base: FloatArray) -> float:
    return float(row_log_loss(calibration.apply(raw, base), classes).mean())


@given(arrays(np.float64, st.tuples(st.integers(0, 5), st.integers(1, 5)), elements=st.floats(-1e6, 1e6)))
def test_softmax_is_scipys(raw: FloatArray) -> None:
    assert softmax(raw) == pytest.approx(special.softmax(raw, axis=1), abs=1e-14)


@given(st.floats(-3.0, 3.0), st.floats(0.1, 5.0), st.sampled_from([1.0, 2.0, 4.0]))
def test_the_minimum_is_scipys(center: float, scale: float, power: float) -> None:
    def valley(at: float) -> float:
        return float(scale * abs(at - center) ** power + math.log1p(math.exp(at - center)) - 0.5 * (at - center))

    bounds = (-2.0, 2.5)
    found = minimize_bounded(valley, bounds)
    scipys = float(minimize_scalar(valley, bounds=bounds, method="bounded", options={"xatol": 1e-10}).x)
    assert bounds[0] <= found <= bounds[1]
    assert found == pytest.approx(scipys, abs=2e-3 if power == 4.0 else 1e-6)
    assert valley(found) <= valley(scipys) + 1e-6


@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_planted_temperature_is_found(temperature: float) -> None:
    scores = truth(1)
    classes = drawn(softmax(scores), seed=2)
    found = fit_calibration(scores * temperature, classes, base_rates(classes, KINDS)[None])
    assert found.temperature == pytest.approx(temperature, rel=0.05)
    assert found.base_weight < 0.03


def test_mixing_is_better_than_any_temperature_and_any_share_is_worse_than_the_one_found() -> None:
    scores, base = truth(3, spread=4.0), np.array([[0.4, 0.3, 0.2, 0.1]])
    classes = drawn(Calibration(1.0, 0.3).apply(scores, base), seed=4)
    found = fit_calibration(scores, classes, base)
    least = loss(found, scores, classes, base)
    unmixed = [Calibration(float(temperature), 0.0) for temperature in np.geomspace(0.14, 20.0, 40)]
    shares = [Calibration(found.temperature, float(share)) for share in np.linspace(0.0, 1.0, 101)]
    assert 0.05 < found.base_weight < 0.5
    assert least < min(loss(each, scores, classes, base) for each in unmixed)
    assert least <= min(loss(each, scores, classes, base) for each in shares) + 1e-9


def test_overconfident_scores_become_honest_on_rows_not_seen() -> None:
    scores = truth(5, spread=0.5)
    classes = drawn(softmax(scores), seed=6)
    raw, half = scores * 8.0, len(scores) // 2
    base = base_rates(classes[:half], KINDS)[None]
    stated = fit_calibration(raw[:half], classes[:half], base).apply(raw[half:], base)

    def error(probabilities: FloatArray) -> float:
        return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == classes[half:])

    assert error(softmax(raw[half:])) > 0.3
    assert error(stated) < 0.02


@pytest.mark.parametrize("seed", range(3))
def test_scores_that_know_nothing_leave_the_base_rates(seed: int) -> None:
    base = np.array([[0.4, 0.3, 0.2, 0.1]])
    classes = drawn(np.repeat(base, 5000, axis=0), seed)
    found = fit_calibration(truth(seed + 10, rows=5000, spread=3.0), classes, base)
    assert np.abs(found.apply(truth(seed + 20, rows=1000, spread=3.0), base) - base).max() < 0.05


@settings(max_examples=40)
@given(SCORES, st.integers(0, 2**32 - 1))
def test_on_its_own_rows_it_is_never_worse_than_base_rates(raw: FloatArray, seed: int) -> None:
    random = np.random.default_rng(seed)
    classes = random.integers(KINDS, size=len(raw))
    base = random.dirichlet(np.ones(KINDS), size=len(raw))
    found = fit_calibration(raw, classes, base)
    assert found.temperature > 0.0
    assert 0.0 <= found.base_weight <= 1.0
    assert loss(found, raw, classes, base) <= row_log_loss(base, classes).mean() + 1e-12
    stated = found.apply(raw, base)
    assert (stated >= 0.0).all()
    assert stated.sum(axis=1) == pytest.approx(np.ones(len(raw)))


@pytest.mark.parametrize("scale", [0.2, 1.0, 5.0])
def test_it_is_as_good_as_the_best_of_a_grid(scale: float) -> None:
    scores = truth(7, rows=2000, spread=1.0)
    classes = drawn(softmax(scores), seed=8)
    raw, base = scores * scale, base_rates(classes, KINDS)[None]
    found = loss(fit_calibration(raw, classes, base), raw, classes, base)
    grid = [
        loss(Calibration(float(temperature), float(weight)), raw, classes, base)
        for temperature in np.geomspace(0.14, 20.0, 30)
        for weight in np.linspace(0.0, 1.0, 11)
    ]
    assert found <= min(grid) * 1.0005


def test_uncalibrated_states_the_base_rates_whatever_the_scores() -> None:
    base = np.array([[0.5, 0.5], [0.9, 0.1]])
    assert (UNCALIBRATED.apply(np.array([[9.0, 0.0], [0.0, 9.0]]), base) == base).all()


def test_it_keeps_the_order_of_the_classes() -> None:
    raw = truth(9, rows=200)
    flat = np.full((1, KINDS), 1.0 / KINDS)
    stated = Calibration(3.0, 0.4).apply(raw, flat)
    assert (stated.argsort(axis=1) == raw.argsort(axis=1)).all()
