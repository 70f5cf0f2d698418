"""Which closed candles become samples: where the regime changes, at least a day apart, and every other day anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import DAY_MS

SPACING_MS = DAY_MS
"""Two samples of a symbol are at least so far apart (1440 candles of 1m, 24 of 1h, 1 of 1d)."""
PERIOD_MS = 2 * DAY_MS
"""After so long a candle is taken whatever the regime does."""


def sample_candles(open_at_ms: IntArray, regimes: NDArray[np.int8], first: int, end: int) -> IntArray:
    """Indices of the candles in [first, end) to learn from, ascending. ``regimes`` int8[n]: the regime's code at each
    candle. A regime that changes too soon after a sample waits until the spacing is over."""
    chosen: list[int] = []
    last_ms, last_regime = -PERIOD_MS, -1
    for index in range(first, end):
        waited = open_at_ms[index] - last_ms
        if waited >= PERIOD_MS or (waited >= SPACING_MS and regimes[index] != last_regime):
            chosen.append(index)
            last_ms, last_regime = int(open_at_ms[index]), int(regimes[index])
    return np.array(chosen, dtype=np.int64)
