"""Bootstrap intervals and the Newey-West t against arch, statsmodels and plain re-tellings."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from arch.bootstrap import StationaryBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.performance import intervals
from autopilot.performance.intervals import (
    Interval,
    mean_interval,
    newey_west_t,
    quantiles,
    ratio_interval,
    resampled_means,
    stationary_bootstrap,
)


def persistent(days: int, seed: int, rho: float = 0.4, mean: float = 0.001) -> FloatArray:
    random = np.random.default_rng(seed)
    noise = random.normal(0, 0.01, days)
    daily = np.empty(days)
    last = 0.0
    for day in range(days):
        last = rho * last + noise[day]
        daily[day] = mean + last
    return daily


def resampled(days: int, replicates: int, mean_block: float, seed: int) -> IntArray:
    return np.concatenate([*stationary_bootstrap(days, replicates, mean_block, np.random.default_rng(seed))])


def run_lengths(indices: IntArray, length: int) -> IntArray:
    """Lengths of the runs of consecutive days inside each replicate, the last of a replicate cut off and left out."""
    lengths = []
    for row in indices:
        breaks = np.flatnonzero(np.diff(row) % length != 1) + 1
        lengths.append(np.diff(np.concatenate([[0], breaks])))
    return np.concatenate(lengths)


def test_blocks_last_as_long_as_those_of_arch() -> None:
    days, mean_block = 400, 10.0
    ours = run_lengths(resampled(days, 300, mean_block, 1), days)
    bootstrap = StationaryBootstrap(mean_block, np.arange(days), seed=np.random.default_rng(2))
    theirs = run_lengths(np.array([data[0][0] for data in bootstrap.bootstrap(300)]), days)
    for longer in (1, 3, 10, 20, 40):
        expected = (1 - 1 / mean_block) ** longer
        error = math.sqrt(expected * (1 - expected) / len(ours))
        assert np.mean(ours > longer) == pytest.approx(np.mean(theirs > longer), abs=6 * error)
        assert np.mean(ours > longer) == pytest.approx(expected, abs=6 * error + 0.01)


@pytest.mark.parametrize("mean_block", [1.0, 3.5, 1e9])
def test_every_day_is_drawn_equally_often(mean_block: float) -> None:
    days, replicates = 20, 20_000
    indices = resampled(days, replicates, mean_block, 3)
    assert indices.dtype == np.int64
    assert indices.shape == (replicates, days)
    for column in (0, 7, days - 1):
        counts = np.bincount(indices[:, column], minlength=days)
        assert np.all(np.abs(counts - replicates / days) < 5 * math.sqrt(replicates / days))


def test_one_endless_block_turns_the_series() -> None:
    indices = resampled(7, 50, 1e12, 4)
    assert np.all(np.diff(indices, axis=1) % 7 == 1)


@given(
    days=st.integers(5, 60),
    replicates=st.integers(1, 20),
    mean_block=st.floats(1.0, 12.0),
    columns=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_means_are_those_of_the_resampled_series(
    days: int, replicates: int, mean_block: float, columns: int, seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=(days, columns))
    block = max(1.0, min(mean_block, days / 5))
    indices = resampled(days, replicates, block, seed)
    means = resampled_means(values, mean_block=mean_block, replicates=replicates, seed=seed)
    np.testing.assert_allclose(means, values[indices].mean(axis=1), atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 350, 700, 10**9])
def test_small_portions_cover_every_replicate(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    daily = persistent(100, seed=5)
    monkeypatch.setattr(intervals, "VALUES_AT_ONCE", at_once)
    means = resampled_means(daily, replicates=1001)
    spread = means.std()
    assert means.shape == (1001,)
    assert means[:500].mean() == pytest.approx(daily.mean(), abs=5 * spread / math.sqrt(500))
    assert means[-501:].mean() == pytest.approx(daily.mean(), abs=5 * spread / math.sqrt(500))
    assert len(np.unique(means)) > 990


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_interval_of_the_mean_is_that_of_arch(level: float) -> None:
    daily = persistent(500, seed=6)
    ours = mean_interval(daily, level=level, replicates=4000)
    bootstrap = StationaryBootstrap(10, daily, seed=np.random.default_rng(7))
    theirs = bootstrap.conf_int(np.mean, reps=4000, method="percentile", size=level).ravel()
    width = theirs[1] - theirs[0]
    assert ours.point == pytest.approx(daily.mean())
    assert ours.level == level
    assert [ours.lower, ours.upper] == pytest.approx(theirs, abs=0.05 * width)


def test_persistence_widens_the_interval() -> None:
    daily = persistent(2000, seed=8, rho=0.6)
    alone = mean_interval(daily, mean_block=1.0)
    in_blocks = mean_interval(daily, mean_block=20.0)
    assert in_blocks.upper - in_blocks.lower > 1.5 * (alone.upper - alone.lower)


def test_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    covers = 0
    for seed in range(400):
        interval = mean_interval(persistent(300, seed, rho=0.3, mean=0.0), level=0.9, replicates=300, seed=seed)
        covers += interval.lower <= 0.0 <= interval.upper
    assert 0.81 <= covers / 400 <= 0.94


def test_a_short_series_is_not_resampled_into_itself() -> None:
    daily = np.array([0.01, -0.02, 0.03, 0.02, -0.01, 0.01])
    interval = mean_interval(daily, mean_block=1000.0)
    assert interval.lower < daily.mean() - 0.5 * daily.std() / math.sqrt(6)
    assert interval.upper > daily.mean() + 0.5 * daily.std() / math.sqrt(6)


@pytest.mark.parametrize(("daily", "point"), [([], 0.0), ([0.3], 0.3)])
def test_fewer_than_two_days_tell_nothing(daily: list[float], point: float) -> None:
    assert mean_interval(np.array(daily)) == Interval(point, -math.inf, math.inf, 0.95)
    assert ratio_interval(np.array(daily), np.ones(len(daily))) == Interval(point, -math.inf, math.inf, 0.95)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    daily = persistent(200, seed=9)
    assert mean_interval(daily, seed=1) == mean_interval(daily, seed=1)
    assert mean_interval(daily, seed=1) != mean_interval(daily, seed=2)


@settings(max_examples=30)
@given(scale=st.floats(0.01, 100.0), shift=st.floats(-5.0, 5.0), seed=st.integers(0, 50))
def test_interval_moves_with_the_series(scale: float, shift: float, seed: int) -> None:
    daily = np.random.default_rng(seed).normal(size=40)
    plain = mean_interval(daily, replicates=100)
    moved = mean_interval(scale * daily + shift, replicates=100)
    assert moved.lower == pytest.approx(scale * plain.lower + shift, abs=1e-9)
    assert moved.upper == pytest.approx(scale * plain.upper + shift, abs=1e-9)
    assert plain.lower <= plain.upper


def test_ratio_with_one_decision_a_day_is_the_mean() -> None:
    daily = persistent(150, seed=10)
    ratio, mean = ratio_interval(daily, np.ones(150)), mean_interval(daily)
    assert [ratio.point, ratio.lower, ratio.upper] == pytest.approx([mean.point, mean.lower, mean.upper])


def test_ratio_weighs_days_by_their_decisions() -> None:
    random = np.random.default_rng(11)
    decisions = random.integers(0, 9, 300).astype(float)
    gains = decisions * 0.002 + np.sqrt(decisions) * random.normal(0, 0.01, 300)
    ours = ratio_interval(gains, decisions, replicates=4000)
    bootstrap = StationaryBootstrap(10, gains, decisions, seed=np.random.default_rng(12))
    theirs = bootstrap.conf_int(lambda g, d: g.sum() / d.sum(), reps=4000, method="percentile").ravel()
    assert ours.point == pytest.approx(gains.sum() / decisions.sum())
    assert [ours.lower, ours.upper] == pytest.approx(theirs, abs=0.05 * (theirs[1] - theirs[0]))


def test_resamples_without_a_decision_are_left_out() -> None:
    decisions = np.zeros(12)
    decisions[4] = 0.001
    interval = ratio_interval(0.3 * decisions, decisions)
    assert [interval.point, interval.lower, interval.upper] == pytest.approx([0.3, 0.3, 0.3])


def test_no_decision_at_all_tells_nothing() -> None:
    assert ratio_interval(np.zeros(9), np.zeros(9), level=0.9) == Interval(0.0, -math.inf, math.inf, 0.9)


def test_no_counted_resample_tells_nothing() -> None:
    decisions = np.zeros(400)
    decisions[0] = 1.0
    seeds = [seed for seed in range(20) if resampled_means(decisions, replicates=1, seed=seed)[0] == 0.0]
    interval = ratio_interval(decisions, decisions, replicates=1, seed=seeds[0])
    assert interval == Interval(1.0, -math.inf, math.inf, 0.95)


@pytest.mark.parametrize("lags", [None, 0, 1, 12])
@pytest.mark.parametrize("days", [30, 100, 700])
def test_newey_west_is_that_of_statsmodels(days: int, lags: int | None) -> None:
    daily = persistent(days, seed=days)
    default = {30: 3, 100: 4, 700: 6}[days]
    options = {"maxlags": default if lags is None else lags, "use_correction": False}
    fit = sm.OLS(daily, np.ones(days)).fit(cov_type="HAC", cov_kwds=options)
    assert newey_west_t(daily, lags) == pytest.approx(float(fit.tvalues[0]))


@pytest.mark.parametrize("daily", [[], [0.2], [0.1] * 3, [1.0, -1.0]])
def test_newey_west_without_variation_or_mean_is_zero(daily: list[float]) -> None:
    assert newey_west_t(np.array(daily)) == 0.0


def test_newey_west_looks_back_no_further_than_the_series() -> None:
    assert math.isfinite(newey_west_t(np.array([0.1, 0.2, 0.4]), lags=50))


numbers = st.floats(-1e100, 1e100) | st.integers(-3, 3).map(float)


@given(st.lists(numbers, min_size=1, max_size=60), st.lists(st.floats(0, 1), max_size=5))
def test_quantiles_equal_numpys(values, shares) -> None:
    assert quantiles(np.array(values), shares) == tuple(np.quantile(values, shares).tolist())


def test_quantiles_of_an_unknown_value_are_unknown() -> None:
    assert np.isnan(quantiles(np.array([1.0, math.nan, 2.0]), (0.0, 0.5))).all()
