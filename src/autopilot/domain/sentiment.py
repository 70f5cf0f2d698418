"""Sentiment as a series of values that became known at stated moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS

FEAR_GREED = "fear_greed"
"""The name of the Crypto Fear & Greed index."""
LOOKBACK_MS = 10 * DAY_MS
"""Sentiment from before the first candle that strategies use: more than a week's change and a value's life."""


@dataclass(frozen=True, slots=True, eq=False)
class SentimentSeries:
    """``known_at_ms`` int64[n], ascending: when each value could first be known. ``value`` float64[n] in [0, 100],
    0 extreme fear, 100 extreme greed. A value expires after ``life_ms``: there is no opinion then."""

    name: str
    known_at_ms: IntArray
    value: FloatArray
    life_ms: int = 3 * DAY_MS

    @classmethod
    def neutral(cls, name: str = "neutral") -> SentimentSeries:
        return cls(name, np.empty(0, dtype=np.int64), np.empty(0))

    def at(self, moments_ms: IntArray) -> FloatArray:
        """The value known at each moment, NaN without any: float64[len(moments_ms)]."""
        if not len(self.known_at_ms):
            return np.full(len(moments_ms), np.nan)
        index = np.searchsorted(self.known_at_ms, moments_ms, side="right") - 1
        known = np.maximum(index, 0)
        alive = (index >= 0) & (moments_ms - self.known_at_ms[known] <= self.life_ms)
        return np.where(alive, self.value[known], np.nan)

    def between(self, since_ms: int, until_ms: int) -> SentimentSeries:
        """The values that became known in [since_ms, until_ms]."""
        first = np.searchsorted(self.known_at_ms, since_ms, side="left")
        end = np.searchsorted(self.known_at_ms, until_ms, side="right")
        return SentimentSeries(self.name, self.known_at_ms[first:end], self.value[first:end], self.life_ms)
