"""Part of a sentiment series, cut out without copying."""

from __future__ import annotations

import numpy as np

from autopilot.domain.sentiment import SentimentSeries


def between(series: SentimentSeries, since_ms: int, until_ms: int) -> SentimentSeries:
    """Values known in [since_ms, until_ms]."""
    first = np.searchsorted(series.known_at_ms, since_ms, side="left")
    end = np.searchsorted(series.known_at_ms, until_ms, side="right")
    return SentimentSeries(series.name, series.known_at_ms[first:end], series.value[first:end], series.life_ms)
