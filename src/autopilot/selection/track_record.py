"""How strategies did lately, as the in-group rules ask it."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from autopilot.domain.candles import FloatArray


class TrackRecord(Protocol):
    """What the strategies earned of late on the symbol being decided."""

    def recent_return_bps(self, strategy: str) -> float:
        """Mean net return over the horizon in basis points, shrunk towards the all-symbol mean; 0 if unknown."""
        ...


def shrunk_mean(
    own_sum: FloatArray, own_count: FloatArray, all_sum: FloatArray, all_count: FloatArray, prior_weight: float
) -> FloatArray:
    """The mean of a symbol's own returns, pulled towards the mean over all symbols as if ``prior_weight`` (above 0)
    returns of that mean had been seen besides; the latter in turn towards 0, with the same weight. Float64[k], an
    entry a strategy; always finite, 0 where nothing is known.

    Linear shrinkage as of James and Stein: a strategy's few returns on one symbol are mostly noise.
    """
    everywhere = all_sum / (np.asarray(all_count) + prior_weight)
    shrunk: FloatArray = (own_sum + prior_weight * everywhere) / (np.asarray(own_count) + prior_weight)
    return shrunk
