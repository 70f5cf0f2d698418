"""Calibration of the classifier: a temperature flattens or sharpens its scores, then base rates are mixed in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.model.scoring import row_log_loss

LOG_TEMPERATURES = (-2.0, 3.0)
SEARCH_TOLERANCE = 1e-8
"""Near a minimum, smaller steps change the loss by less than float64 resolves."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """``temperature`` above 0 divides the raw scores (Guo et al. 2017); ``base_weight`` in [0, 1] is the weight of
    the base rates in the probabilities."""

    temperature: float
    base_weight: float

    def apply(self, raw: FloatArray, base: FloatArray) -> FloatArray:
        """Probabilities float64[n, k]; ``base`` float64[n, k] or [1, k]."""
        return (1.0 - self.base_weight) * softmax(raw / self.temperature) + self.base_weight * base


UNCALIBRATED = Calibration(1.0, 1.0)
"""Without evidence about the scores, the probabilities are the base rates."""


def softmax(raw: FloatArray) -> FloatArray:
    """float64[n, k]; each row sums to 1."""
    weights = np.exp(raw - raw.max(axis=1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def fit_calibration(raw: FloatArray, classes: IntArray, base: FloatArray) -> Calibration:
    """The temperature, then the weight, with the lowest log-loss on these rows. Never worse on them than base rates."""

    def loss(calibration: Calibration) -> float:
        return float(row_log_loss(calibration.apply(raw, base), classes).mean())

    log_temperature = minimize_bounded(lambda log: loss(Calibration(float(np.exp(log)), 0.0)), LOG_TEMPERATURES)
    temperature = float(np.exp(log_temperature))
    weight = minimize_bounded(lambda share: loss(Calibration(temperature, share)), (0.0, 1.0))
    best = Calibration(temperature, weight)
    only_base = Calibration(temperature, 1.0)
    return best if loss(best) <= loss(only_base) else only_base


def minimize_bounded(function: Callable[[float], float], bounds: tuple[float, float]) -> float:
    """The argument within ``bounds`` of a local minimum of ``function``, to within ``SEARCH_TOLERANCE``. It is the
    global minimum if there is only one. Source: golden-section search, Kiefer (1953), Proceedings of the AMS 4."""
    lower, upper = bounds
    golden = (math.sqrt(5.0) - 1.0) / 2.0
    left, right = upper - golden * (upper - lower), lower + golden * (upper - lower)
    at_left, at_right = function(left), function(right)
    while upper - lower > SEARCH_TOLERANCE:
        if at_left <= at_right:
            upper, right, at_right = right, left, at_left
            left = upper - golden * (upper - lower)
            at_left = function(left)
        else:
            lower, left, at_left = left, right, at_right
            right = lower + golden * (upper - lower)
            at_right = function(right)
    return (lower + upper) / 2.0
