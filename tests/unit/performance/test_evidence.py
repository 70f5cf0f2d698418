"""Evidence against the papers' worked examples, arch, and simulations with and without an edge."""

from __future__ import annotations

import math

import numpy as np
import pytest
from arch.bootstrap import SPA
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from autopilot.domain.candles import FloatArray
from autopilot.performance.evidence import (
    daily_sharpe,
    deflated_sharpe,
    e_process,
    expected_maximum_sharpe,
    probabilistic_sharpe,
    superior_predictive_ability,
)

SERIES = arrays(np.float64, st.integers(0, 40), elements=st.floats(-1.0, 1.0, width=32))


def paper_series() -> FloatArray:
    """Five years of 250 days with an annual Sharpe ratio of 2.5, skewness -3 and kurtosis 10 (the lowest that goes
    with such a skewness: two values)."""
    standard = np.concatenate([np.full(105, -math.sqrt(1145 / 105)), np.full(1145, math.sqrt(105 / 1145))])
    return standard + 2.5 / math.sqrt(250)


def test_the_papers_series_has_the_papers_moments() -> None:
    daily = paper_series()
    assert daily_sharpe(daily) * math.sqrt(250) == pytest.approx(2.5, rel=1e-3)
    assert stats.skew(daily) == pytest.approx(-3.0, abs=2e-3)
    assert stats.kurtosis(daily, fisher=False) == pytest.approx(10.0, abs=0.01)


def test_expected_maximum_is_that_of_the_paper() -> None:
    assert expected_maximum_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=5e-5)


@pytest.mark.parametrize(("trials", "probability"), [(100, 0.9004), (46, 0.9505)])
def test_deflated_sharpe_is_that_of_the_paper(trials: int, probability: float) -> None:
    assert deflated_sharpe(paper_series(), trials, 0.5 / 250) == pytest.approx(probability, abs=1e-3)


@pytest.mark.parametrize("trials", [5, 50, 500])
def test_expected_maximum_is_what_tries_without_skill_reach(trials: int) -> None:
    best = np.random.default_rng(1).normal(0, 0.2, (4000, trials)).max(axis=1)
    assert expected_maximum_sharpe(trials, 0.04) == pytest.approx(best.mean(), rel=0.04)


def test_best_of_many_without_skill_is_seldom_believed() -> None:
    random = np.random.default_rng(2)
    deflated, plain = 0, 0
    for _ in range(300):
        tried = random.normal(0, 0.01, (20, 250))
        best = max(tried, key=daily_sharpe)
        deflated += deflated_sharpe(best, 20) >= 0.95
        plain += deflated_sharpe(best, 1) >= 0.95
    assert deflated / 300 <= 0.05
    assert plain / 300 >= 0.4


def test_probabilistic_sharpe_of_normal_days_is_that_of_the_closed_form() -> None:
    daily = stats.norm.ppf((np.arange(1000) + 0.5) / 1000) + 0.08
    ratio = daily_sharpe(daily)
    kurtosis = stats.kurtosis(daily, fisher=False)
    error = math.sqrt((1 + (kurtosis - 1) / 4 * ratio**2) / 999)
    assert probabilistic_sharpe(daily, 0.05) == pytest.approx(stats.norm.cdf((ratio - 0.05) / error))
    assert probabilistic_sharpe(daily, ratio) == pytest.approx(0.5)


def test_rare_losses_make_a_sharpe_ratio_less_believable() -> None:
    steady = paper_series()
    lucky = 2 * steady.mean() - steady
    assert daily_sharpe(lucky) == pytest.approx(daily_sharpe(steady))
    assert probabilistic_sharpe(steady, 0.12) < probabilistic_sharpe(lucky, 0.12)


@pytest.mark.parametrize("daily", [[], [0.1], [0.1, 0.2], [0.1] * 50])
def test_too_little_shows_nothing(daily: list[float]) -> None:
    assert probabilistic_sharpe(np.array(daily), 0.0) == 0.0
    assert deflated_sharpe(np.array(daily), 10) == 0.0


@pytest.mark.parametrize(("ones", "zeros"), [(1, 4), (1, 9)])
def test_an_estimate_without_any_variance_is_not_believed(ones: int, zeros: int) -> None:
    """Two values and a Sharpe ratio of 2 / skewness: the estimator's variance is 0 but for rounding."""
    values = np.array([1.0] * ones + [0.0] * zeros)
    daily = values - values.mean() + 2.0 / stats.skew(values) * values.std(ddof=1)
    assert probabilistic_sharpe(daily, 0.0) == 0.0


def test_sharpe_is_the_mean_over_the_sample_deviation() -> None:
    assert daily_sharpe(np.array([1.0, 2.0, 3.0])) == pytest.approx(2.0)


def test_the_best_of_one_is_expected_at_zero_and_of_two_above() -> None:
    assert expected_maximum_sharpe(1, 0.04) == 0.0
    best = np.random.default_rng(3).normal(0, 0.2, (4000, 2)).max(axis=1)
    assert expected_maximum_sharpe(2, 0.04) == pytest.approx(best.mean(), rel=0.1)


@pytest.mark.parametrize("daily", [[], [0.1], [0.1] * 3])
def test_sharpe_without_variation_is_zero(daily: list[float]) -> None:
    assert daily_sharpe(np.array(daily)) == 0.0


@given(daily=SERIES, trials=st.integers(1, 1000))
def test_more_trials_never_add_to_the_evidence(daily: FloatArray, trials: int) -> None:
    few, many = deflated_sharpe(daily, trials), deflated_sharpe(daily, trials + 1)
    assert 0.0 <= many <= few <= 1.0


def markets(days: int, models: int, seed: int, edge: float = 0.0) -> FloatArray:
    random = np.random.default_rng(seed)
    common = random.normal(0, 1.0, (days, 1))
    differences = 0.5 * common + random.normal(0, 1.0, (days, models))
    differences[:, 0] += edge
    return differences


@pytest.mark.parametrize(("seed", "edge"), [(1, 0.0), (2, 0.0), (3, 0.1), (4, 0.15), (5, -0.3)])
def test_p_value_is_that_of_arch(seed: int, edge: float) -> None:
    """arch compares plain means; with every model of one long-run spread that is the studentised test."""
    days, replicates = 400, 2000
    differences = markets(days, 6, seed, edge)
    lags = np.arange(1, days)
    kernel = (1 - lags / days) * 0.9**lags + lags / days * 0.9 ** (days - lags)
    rest = differences - differences.mean(axis=0)
    covariance = np.array([(rest[lag:] * rest[:-lag]).sum(axis=0) for lag in lags]) / days
    differences /= np.sqrt((rest**2).mean(axis=0) + 2 * kernel @ covariance)
    theirs = SPA(np.zeros(days), -differences, block_size=10, reps=replicates, seed=np.random.default_rng(9))
    theirs.compute()
    expected = float(theirs.pvalues["consistent"])
    ours = superior_predictive_ability(differences, replicates=replicates)
    # both are drawn, and the spread is drawn here and computed there
    assert ours == pytest.approx(expected, abs=4 * math.sqrt(2 * 0.25 / replicates))


def test_scale_of_a_model_does_not_matter() -> None:
    differences = markets(300, 4, seed=6, edge=0.1)
    scaled = differences * np.array([1.0, 1e-4, 1e3, 7.0])
    assert superior_predictive_ability(scaled) == superior_predictive_ability(differences)


def test_a_hopeless_model_does_not_hide_a_good_one() -> None:
    good = markets(300, 1, seed=7, edge=0.5)
    hopeless = markets(300, 10, seed=8) - 5.0
    alone = superior_predictive_ability(good)
    beside = superior_predictive_ability(np.concatenate([good, hopeless], axis=1))
    assert alone < 0.05
    assert beside == pytest.approx(alone, abs=0.005)


def test_without_an_edge_few_p_values_are_small_and_with_one_most_are() -> None:
    def p_value(seed: int, edge: float) -> float:
        return superior_predictive_ability(markets(250, 8, seed, edge), replicates=200, mean_block=1.0, seed=seed)

    null = [p_value(seed, 0.0) for seed in range(300)]
    real = [p_value(seed, 0.5) for seed in range(50)]
    assert np.mean(np.array(null) <= 0.05) <= 0.09
    assert np.mean(np.array(real) <= 0.05) >= 0.9


@pytest.mark.parametrize(
    "differences",
    [np.ones((2, 3)), np.zeros((50, 3)), np.full((50, 3), 0.1), np.empty((50, 0)), markets(100, 3, seed=9) - 1.0],
    ids=["two days", "the benchmark itself", "never varying", "no model", "all worse"],
)
def test_nothing_better_has_a_p_value_of_one(differences: FloatArray) -> None:
    assert superior_predictive_ability(differences) == 1.0


def test_the_benchmark_itself_among_the_models_changes_nothing() -> None:
    differences = markets(200, 2, seed=10, edge=0.1)
    with_itself = np.concatenate([differences, np.zeros((200, 1))], axis=1)
    assert superior_predictive_ability(with_itself) == superior_predictive_ability(differences)


@pytest.mark.parametrize("noise", ["normal", "coin", "waves"])
def test_without_an_edge_wealth_seldom_reaches_twenty(noise: str) -> None:
    reached = 0
    for seed in range(400):
        random = np.random.default_rng(seed)
        differences = {
            "normal": random.normal(0, 1.0, 600),
            "coin": random.choice([-3.0, 3.0], 600),
            "waves": random.normal(0, 1.0, 600) * np.exp(np.sin(np.arange(600) / 30)),
        }[noise]
        reached += e_process(differences, 3.0).max() >= 20.0
    assert reached / 400 <= 0.05


def test_with_an_edge_wealth_passes_twenty() -> None:
    reached = [e_process(np.random.default_rng(seed).normal(0.25, 1.0, 730), 4.0).max() > 20 for seed in range(50)]
    assert np.mean(reached) >= 0.95


@settings(max_examples=50)
@given(days=st.integers(1, 9), bound=st.floats(0.001, 10.0))
def test_a_fair_coin_leaves_the_expected_wealth_at_one(days: int, bound: float) -> None:
    """All 2^days ways the coin can fall, so the expectation is exact: fair means no more and no less than 1."""
    signs = 1.0 - 2.0 * ((np.arange(2**days)[:, None] >> np.arange(days)) & 1)
    wealth = np.array([e_process(bound * path, bound) for path in signs])
    np.testing.assert_allclose(wealth.mean(axis=0), 1.0)


@given(differences=SERIES, bound=st.floats(0.01, 2.0))
def test_wealth_is_the_mean_of_plain_gamblers_and_knows_no_future(differences: FloatArray, bound: float) -> None:
    shares = np.geomspace(0.01, 0.95, 24) / bound
    clipped = np.clip(differences, -bound, bound)
    plain = np.array([np.prod(1 + np.outer(shares, clipped[: day + 1]), axis=1).mean() for day in range(len(clipped))])
    wealth = e_process(differences, bound)
    np.testing.assert_allclose(wealth, plain, rtol=1e-9)
    np.testing.assert_allclose(e_process(differences[:-1], bound), wealth[:-1])


@pytest.mark.parametrize(("sign", "expected"), [(1.0, np.exp(700.0)), (-1.0, 0.0)])
def test_wealth_stays_finite(sign: float, expected: float) -> None:
    wealth = e_process(np.full(200_000, sign), 1.0)
    assert np.all(np.isfinite(wealth))
    assert wealth[-1] == pytest.approx(expected)


def test_no_difference_is_no_evidence() -> None:
    np.testing.assert_allclose(e_process(np.zeros(5), 1.0), np.ones(5))
