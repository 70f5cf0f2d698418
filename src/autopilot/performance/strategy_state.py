"""The strategies' part of the model's input: present signal, simulated position and recent return of each strategy.

It comes beside `analysis.features`. The same function makes it for training and serving.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopilot.analysis.features import LIMIT
from autopilot.domain.candles import FloatArray, Int8Array
from autopilot.performance.outcomes import Outcomes

SPANS_DAYS = (7, 30)
"""Days over which a strategy's matured returns are averaged."""
COMPLETE = 0.8
"""The share of a span's candles that must have matured before its mean is known."""


def state_names(strategies: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns of `state_rows`."""
    parts = ("signal", "held", "last", *(f"mean_{days}d" for days in SPANS_DAYS))
    return tuple(f"{part}_{name}" for part in parts for name in strategies)


def volatility_unit(log_volatility: FloatArray, horizon: int) -> FloatArray:
    """The unit of returns over the horizon: volatility of one candle over the last 168, scaled to ``horizon`` candles:
    float64[m], above 0. ``log_volatility`` float64[m]: the feature log_volatility_168."""
    return np.asarray(np.exp(log_volatility) * np.sqrt(horizon))


def state_rows(side: Int8Array, latest: Outcomes, means: Sequence[FloatArray], unit: FloatArray) -> FloatArray:
    """float64[m, 5 s] in the order of `state_names`, in [−16, 16], NaN where a mean is not known yet.

    ``side`` int8[s, m]: each strategy's signal at the candle. ``latest``: the outcome of each strategy [s, m] that
    matures at the candle, started one horizon ago. ``means``: for each of `SPANS_DAYS` the mean of the matured returns,
    float64[s, m]. ``unit`` float64[m]: see `volatility_unit`.
    """
    columns = [side, latest.held, latest.returns / unit, *(mean / unit for mean in means)]
    return np.clip(np.concatenate(columns), -LIMIT, LIMIT).T
