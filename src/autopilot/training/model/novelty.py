"""The range of the training samples. The model abstains on a sample that lies outside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray

TAIL_QUANTILE = 0.001
"""A feature is unusual below this quantile of the training samples, or above 1 minus it."""
USUAL_SHARE = 0.995
"""The share of the training samples that must not be novel."""
MIN_LIMIT = 0.04
"""The lowest ``limit`` of a `TrainingRange`."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRange:
    """``lower`` and ``upper`` float64[k] bound each feature. A sample is novel when more than the share ``limit`` of
    its features lies outside."""

    lower: FloatArray
    upper: FloatArray
    limit: float

    @classmethod
    def of(cls, features: FloatArray) -> TrainingRange:
        """The range of ``features`` float64[n, k], with n at least 1."""
        lower, upper = np.quantile(features, [TAIL_QUANTILE, 1.0 - TAIL_QUANTILE], axis=0)
        shares = cls(lower, upper, 1.0).novelty(features)
        return cls(lower, upper, max(MIN_LIMIT, float(np.quantile(shares, USUAL_SHARE))))

    def novelty(self, features: FloatArray) -> FloatArray:
        """The share of unusual features of each sample: float64[n] in [0, 1]."""
        outside = (features < self.lower) | (features > self.upper)
        return np.asarray(outside.mean(axis=1))

    def is_novel(self, features: FloatArray) -> BoolArray:
        """bool[n]: the samples that lie outside the range."""
        return np.asarray(self.novelty(features) > self.limit)
