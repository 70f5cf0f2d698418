"""Recent returns of the strategies, for the rules inside a group."""

from __future__ import annotations

import numpy as np

from autopilot.domain.candles import FloatArray


def shrunk_mean(
    own_sum: FloatArray, own_count: FloatArray, all_sum: FloatArray, all_count: FloatArray, prior_weight: float
) -> FloatArray:
    """The mean of a symbol's own returns, shrunk towards the mean over all symbols as if it had ``prior_weight`` (above
    0) more returns of that mean; the mean over all symbols is shrunk towards 0 likewise. Float64[k], one entry per
    strategy; always finite, 0 without data.

    Linear shrinkage after James and Stein: a strategy's few returns on one symbol are mostly noise.
    """
    everywhere = all_sum / (np.asarray(all_count) + prior_weight)
    return (own_sum + prior_weight * everywhere) / (np.asarray(own_count) + prior_weight)
