"""Calibration of the classifier: a temperature flattens or sharpens its scores, then base rates are mixed in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.model.scoring import stated_log_loss

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
    rows, highest = np.arange(len(classes)), raw.max(axis=1)
    base_stated = base[rows if len(base) > 1 else 0, classes]

    def stated(log_temperature: float) -> FloatArray:
        """The probability of the observed class alone, as `Calibration.apply` gives it without base rates."""
        temperature = float(np.exp(log_temperature))
        weights = np.exp(raw / temperature - (highest / temperature)[:, None])
        return np.asarray(weights[rows, classes] / weights.sum(axis=1))

    def loss(probabilities: FloatArray) -> float:
        return float(stated_log_loss(probabilities).mean())

    log_temperature = minimize_bounded(lambda log: loss(stated(log)), LOG_TEMPERATURES)
    sharpened = stated(log_temperature)

    def mixed(weight: float) -> float:
        return loss((1.0 - weight) * sharpened + weight * base_stated)

    weight = minimize_bounded(mixed, (0.0, 1.0))
    return Calibration(float(np.exp(log_temperature)), weight if mixed(weight) <= mixed(1.0) else 1.0)


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
