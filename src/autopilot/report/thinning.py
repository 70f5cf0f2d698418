"""Fewer points with the same look: every extreme is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autopilot.analysis.regime import REGIMES, UNKNOWN
from autopilot.domain.candles import Candles, FloatArray, Int8Array, IntArray


def kept_points(lines: Sequence[FloatArray], limit: int) -> IntArray:
    """Indices of about ``limit`` moments at which lines of n points each are drawn together: the first, the last,
    and of each stretch of equal length every line's lowest and highest (min-max decimation). NaN is never an extreme.
    """
    length = len(lines[0])
    if length <= limit:
        return np.arange(length)
    stretches = max(limit // (2 * len(lines)), 1)
    size = -(-length // stretches)
    starts = np.arange(0, stretches * size, size)
    kept = [np.array([0, length - 1])]
    for line in lines:
        padded = np.full(stretches * size, np.nan)
        padded[:length] = line
        unknown = ~np.isfinite(padded)
        kept += [
            np.where(unknown, np.inf, padded).reshape(-1, size).argmin(axis=1) + starts,
            np.where(unknown, -np.inf, padded).reshape(-1, size).argmax(axis=1) + starts,
        ]
    return np.unique(np.minimum(np.concatenate(kept), length - 1))


def drawdowns_pct(equity: FloatArray, start: float) -> FloatArray:
    """float64[n], at most 0: the distance in percent below the highest equity so far, ``start`` included; NaN without a
    positive peak."""
    peak = np.fmax(np.fmax.accumulate(equity), start)
    return (equity / np.where(peak > 0, peak, np.nan) - 1.0) * 100.0


def joined(candles: Candles, regimes: Int8Array, count: int) -> tuple[Candles, Int8Array]:
    """Each ``count`` candles of the time grid merged into one, with their most frequent regime. Gaps stay gaps."""
    if count == 1 or not len(candles):
        return candles, regimes
    bucket = candles.open_at_ms // (candles.timeframe.ms * count)
    starts = np.flatnonzero(np.diff(bucket, prepend=bucket[0] - 1))
    ends = np.append(starts[1:], len(candles)) - 1
    grouped = Candles(
        candles.timeframe,
        candles.open_at_ms[starts],
        candles.open[starts],
        np.maximum.reduceat(candles.high, starts),
        np.minimum.reduceat(candles.low, starts),
        candles.close[ends],
        np.add.reduceat(candles.volume, starts),
    )
    codes = np.arange(UNKNOWN, len(REGIMES), dtype=np.int8)
    votes = np.add.reduceat((regimes[:, None] == codes).astype(np.int64), starts, axis=0)
    return grouped, codes[votes.argmax(axis=1)]
