"""Whether daily gains are more than luck: uncertain Sharpe ratios, the best of many, anytime-valid bets, drift."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from autopilot.domain.candles import FloatArray
from autopilot.performance.intervals import resampled_means

NORMAL = NormalDist()
EULER_MASCHERONI = 0.5772156649015329
STAKES = np.geomspace(0.01, 0.95, 24)
"""Bets of the e-process, as shares of the largest bet that cannot lose everything."""
LARGEST_LOG_WEALTH = 700.0
"""Limit that keeps the e-process a finite float."""
ROUNDING = 1e-9
"""A spread below this share of the figure itself is rounding error of floating-point sums."""


def daily_sharpe(daily: FloatArray) -> float:
    """Mean over standard deviation (ddof 1) of ``daily`` float64[days], per day; 0 without variation."""
    if len(daily) < 2 or np.ptp(daily) == 0.0:
        return 0.0
    return float(daily.mean() / daily.std(ddof=1))


def probabilistic_sharpe(daily: FloatArray, benchmark: float) -> float:
    """Probability that the true Sharpe ratio per day exceeds ``benchmark``, given skewness and kurtosis.

    0 with fewer than three days or without variation. Source: Bailey & López de Prado (2012),
    The Sharpe Ratio Efficient Frontier, Journal of Risk 15.
    """
    days = len(daily)
    if days < 3 or np.ptp(daily) == 0.0:
        return 0.0
    ratio = daily_sharpe(daily)
    standard = (daily - daily.mean()) / daily.std()
    skewness, kurtosis = float(np.mean(standard**3)), float(np.mean(standard**4))
    variance = 1.0 - skewness * ratio + (kurtosis - 1.0) / 4.0 * ratio**2
    if variance <= ROUNDING:
        return 0.0
    return NORMAL.cdf((ratio - benchmark) * math.sqrt((days - 1) / variance))


def expected_maximum_sharpe(trials: int, trial_variance: float) -> float:
    """The Sharpe ratio that the best of ``trials`` without any skill is expected to show; 0 for a single one.

    Source: Bailey & López de Prado (2014), The Deflated Sharpe Ratio, Journal of Portfolio Management 40, eq. 1.
    """
    if trials <= 1:
        return 0.0
    most = NORMAL.inv_cdf(1.0 - 1.0 / trials)
    more = NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(trial_variance) * ((1.0 - EULER_MASCHERONI) * most + EULER_MASCHERONI * more)


def deflated_sharpe(daily: FloatArray, trials: int, trial_variance: float | None = None) -> float:
    """Probability that ``daily`` float64[days] has skill although it is the best of ``trials`` (independent) tried.

    ``trial_variance`` is that of the trials' Sharpe ratios per day; unless given, 1 / (days - 1), the variance of
    the estimator when there is no skill. 0 with fewer than three days. Source: as ``expected_maximum_sharpe``.
    """
    if len(daily) < 3:
        return 0.0
    variance = 1.0 / (len(daily) - 1) if trial_variance is None else trial_variance
    return probabilistic_sharpe(daily, expected_maximum_sharpe(trials, variance))


def superior_predictive_ability(
    differences: FloatArray, *, replicates: int = 1000, mean_block: float = 10.0, seed: int = 1
) -> float:
    """Consistent p-value of "no model is better than the benchmark", over all models together.

    ``differences`` float64[days, models] are each model's daily utility less the benchmark's: above 0 is better. A
    model whose difference never varies is left out; 1 if no model remains or with fewer than three days.
    Source: Hansen (2005), A Test for Superior Predictive Ability, JBES 23; the studentizing variance is the
    bootstrap's own, and the observed series counts as one more replicate, so that the result is never 0. Blocks of
    10 on 250 independent days reject at 5 % in some 8 % of null cases; more days or shorter blocks bring it to 5 %.
    """
    days = len(differences)
    if days < 3 or not differences.size:
        return 1.0
    root = math.sqrt(days)
    mean = differences.mean(axis=0)
    means = resampled_means(differences, mean_block=mean_block, replicates=replicates, seed=seed)
    deviation = root * np.sqrt(np.mean((means - mean) ** 2, axis=0))
    varies = deviation > ROUNDING * root * np.abs(mean)
    if not varies.any():
        return 1.0
    mean, means, deviation = mean[varies], means[:, varies], deviation[varies]
    score = root * mean / deviation
    hopeless = score < -math.sqrt(2.0 * math.log(math.log(days)))
    centre = np.where(hopeless, 0.0, mean)
    observed = float(score.max())
    largest = np.maximum(0.0, np.max(root * (means - centre) / deviation, axis=1))
    return (1 + int(np.count_nonzero(largest >= observed))) / (replicates + 1)


def e_process(differences: FloatArray, bound: float) -> FloatArray:
    """Evidence after each day that the mean of ``differences`` float64[n] is above 0: float64[n], 1 is no evidence.

    The wealth of a gambler who splits one unit over fixed bets on every day's difference, clipped to ±``bound``.
    While the clipped differences have no positive mean given the past, wealth ever reaches w with probability at most
    1/w, however often it is checked. Gains beyond ``bound`` only cost evidence; losses beyond it would be
    understated, so ``bound`` (above 0, fixed beforehand) should be a loss that a day does not exceed.
    Source: Waudby-Smith & Ramdas (2024), Estimating means of bounded random variables by betting, JRSS B 86.
    """
    share = np.clip(differences / bound, -1.0, 1.0)
    wealth = np.cumsum(np.log1p(np.outer(STAKES, share)), axis=1)
    mixed = np.logaddexp.reduce(wealth, axis=0) - math.log(len(STAKES))
    return np.asarray(np.exp(np.minimum(mixed, LARGEST_LOG_WEALTH)))
