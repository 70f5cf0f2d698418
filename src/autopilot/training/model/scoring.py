"""Scores of probabilities and of rankings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.performance.intervals import Interval, day_totals, ratio_interval

MIN_PROBABILITY = 1e-15


def base_rates(classes: IntArray, kinds: int) -> FloatArray:
    """The shares of the classes, with one added to each count (Laplace): float64[kinds], which sums to 1."""
    counts = np.bincount(classes, minlength=kinds) + 1.0
    return np.asarray(counts / counts.sum())


def row_log_loss(probabilities: FloatArray, classes: IntArray) -> FloatArray:
    """−log of the probability of the observed class: float64[n]. ``probabilities`` float64[n, k]."""
    return stated_log_loss(probabilities[np.arange(len(classes)), classes])


def stated_log_loss(stated: FloatArray) -> FloatArray:
    """−log of the probability that was stated for the observed class: float64[n], as ``stated``."""
    return np.asarray(-np.log(np.clip(stated, MIN_PROBABILITY, 1.0)))


def loss_skill(at_ms: IntArray, losses: FloatArray, base: FloatArray, level: float) -> Interval:
    """1 − the loss of a model / that of the base rates, with an interval over days. ``losses`` and ``base`` float64[n]:
    the log-loss of each row; ``at_ms`` int64[n]."""
    return ratio_interval(day_totals(at_ms, base - losses), day_totals(at_ms, base), level=level)


def brier(probabilities: FloatArray, classes: IntArray) -> float:
    """Brier score: the mean squared distance from the observed class over all classes (Brier 1950), 0 to 2."""
    truth = np.eye(probabilities.shape[1])[classes]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def accuracy(probabilities: FloatArray, classes: IntArray) -> float:
    """The share of samples whose most probable class was observed."""
    return float((probabilities.argmax(axis=1) == classes).mean())


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """``count`` probabilities in [lower, upper), in the last bin [lower, 1]: their mean ``stated``, and the share
    ``observed`` of events that happened."""

    lower: float
    upper: float
    count: int
    stated: float
    observed: float


def reliability(stated: FloatArray, came_true: BoolArray, bins: int = 10) -> tuple[ReliabilityBin, ...]:
    """Bins of equal width over probabilities in [0, 1]. An empty bin has 0 for ``stated`` and ``observed``."""
    inner = np.arange(1, bins) / bins
    index = np.searchsorted(inner, stated, side="right")
    counts = np.bincount(index, minlength=bins)
    said, came = (np.bincount(index, each, minlength=bins) / np.maximum(counts, 1) for each in (stated, came_true))
    return tuple(
        ReliabilityBin(at / bins, (at + 1) / bins, int(counts[at]), float(said[at]), float(came[at]))
        for at in range(bins)
    )


def calibration_error(stated: FloatArray, came_true: BoolArray, bins: int = 10) -> float:
    """Expected calibration error: the mean distance between predicted and observed, weighted by count."""
    parts = reliability(stated, came_true, bins)
    return sum(each.count * abs(each.stated - each.observed) for each in parts) / max(len(stated), 1)


def rank_correlation(expected: FloatArray, realized: FloatArray) -> FloatArray:
    """Spearman's correlation within each row, over the columns where ``realized`` is finite: float64[n]. NaN with fewer
    than three of these columns, or where either side is constant."""
    found = np.full(len(expected), np.nan)
    known = np.isfinite(realized)
    for mask in np.unique(known, axis=0):
        rows = np.flatnonzero((known == mask).all(axis=1))
        if mask.sum() >= 3:
            found[rows] = _pearson(*(average_ranks(each[rows][:, mask]) for each in (expected, realized)))
    return found


def average_ranks(values: FloatArray) -> FloatArray:
    """The rank of each value in its row, from 1; equal values share the mean of their ranks. float64[n, k], as
    ``values``, which are finite."""
    order = values.argsort(axis=1)
    ordered = np.take_along_axis(values, order, axis=1)
    position = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    changes = ordered[:, 1:] != ordered[:, :-1]
    edge = np.ones((len(values), 1), dtype=np.bool_)
    first = np.maximum.accumulate(np.where(np.hstack([edge, changes]), position, 0), axis=1)
    last = np.where(np.hstack([changes, edge]), position, values.shape[1])
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2.0 + 1.0, axis=1)
    return ranks


def _pearson(one: FloatArray, other: FloatArray) -> FloatArray:
    one, other = (each - each.mean(axis=1, keepdims=True) for each in (one, other))
    spread = np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
    return np.where(spread > 0.0, (one * other).sum(axis=1) / np.where(spread > 0.0, spread, 1.0), np.nan)
