"""Whether a sample lies where the model has learned anything: outside the training range it abstains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray

TAIL = 0.001
"""A feature is unusual beyond these quantiles of what was trained on."""
USUAL = 0.995
"""So large a share of the training samples is not novel."""
LEAST = 0.04


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRange:
    """``lower`` and ``upper`` float64[k] by feature; a sample is novel when a larger share of its features than
    ``limit`` lies outside."""

    lower: FloatArray
    upper: FloatArray
    limit: float

    @classmethod
    def of(cls, features: FloatArray) -> TrainingRange:
        """``features`` float64[n, k], n at least 1."""
        lower, upper = np.quantile(features, [TAIL, 1.0 - TAIL], axis=0)
        shares = cls(lower, upper, 1.0).novelty(features)
        return cls(lower, upper, max(LEAST, float(np.quantile(shares, USUAL))))

    def novelty(self, features: FloatArray) -> FloatArray:
        """The share of unusual features, float64[n] in [0, 1]."""
        outside = (features < self.lower) | (features > self.upper)
        return np.asarray(outside.mean(axis=1))

    def is_novel(self, features: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """bool[n]."""
        return np.asarray(self.novelty(features) > self.limit)
