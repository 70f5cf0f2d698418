"""Surrogate candles: real ones with a random direction. A training on them shows the skill that chance alone gives.

Every move since the previous close keeps its sign or is mirrored, by a coin toss per moment that all symbols share.
Volatility, ranges, volume, gaps and the correlation between symbols stay; the past no longer predicts the direction.
Source: Theiler et al. (1992), Testing for nonlinearity in time series: the method of surrogate data, Physica D 58; for
signs Schreiber & Schmitz (2000), Physica D 142.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.training.data.series import SymbolData

MIN_FACTOR = 0.01
"""The lowest factor of a price: a mirrored candle that more than doubled would otherwise reach zero or less."""
GOLDEN = 0x9E3779B97F4A7C15
MIXERS = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))


def surrogate(history: SymbolData, seed: int) -> SymbolData:
    """The data with mirrored candles. Recorded outcomes are dropped, because they belong to the true candles. Sentiment
    stays."""
    return replace(
        history,
        candles=_mirrored(history.candles, seed),
        reference=_mirrored(history.reference, seed) if history.reference is not None else None,
        recorded=(),
    )


def _mirrored(candles: Candles, seed: int) -> Candles:
    if not len(candles):
        return candles
    sign = _signs(candles.open_at_ms, seed)
    before = np.concatenate([candles.open[:1], candles.close[:-1]])

    def factor(price: FloatArray) -> FloatArray:
        # Simple returns, not log returns: mirrored log returns would make the price drift up.
        return np.asarray(np.maximum(1.0 + sign * (price / before - 1.0), MIN_FACTOR))

    path = np.cumprod(np.concatenate([candles.open[:1], factor(candles.close)]))
    level, closes = path[:-1], path[1:]
    one, other = level * factor(candles.high), level * factor(candles.low)
    return Candles(
        candles.timeframe,
        candles.open_at_ms,
        level * factor(candles.open),
        np.maximum(one, other),
        np.minimum(one, other),
        closes,
        candles.volume,
    )


def _signs(at_ms: IntArray, seed: int) -> FloatArray:
    """±1 for each moment, float64[n]; the same moment always has the same sign.

    Source: SplitMix64, Steele et al. (2014), OOPSLA.
    """
    mixed = at_ms.astype(np.uint64) + np.uint64(seed * GOLDEN % 2**64)
    for shift, factor in MIXERS:
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return np.where(mixed >> np.uint64(63), 1.0, -1.0)
