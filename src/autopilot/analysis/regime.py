"""The regime of a market at each candle, by rules with a bounded memory.

A burst makes a market volatile for a few candles: a move far beyond the usual within three candles, or a smaller move
out of the Donchian channel, on high volume. Otherwise the market is trending if ADX > 25 and both the directional
indicators and the slope of the moving average agree on the direction; else quiet if volatility is low compared with its
own past; else ranging. A calm regime (trending, quiet, ranging) changes only if most of the last few candles agree, so
that it does not flicker at the edges; a burst counts at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.analysis.indicators import MIN_VOLATILITY, Indicators
from autopilot.analysis.rolling import rolling_max
from autopilot.domain.candles import BoolArray, FloatArray, Int8Array, IntArray
from autopilot.domain.conditions import Regime

REGIMES: tuple[Regime, ...] = tuple(Regime)
"""The regimes by code."""
UNKNOWN = -1
"""The code during the warm-up."""
UP, DOWN, RANGING, VOLATILE, QUIET = range(len(REGIMES))

WARM_UP = 724
"""Number of candles before the first regime whose volatility is ranked among all 29 periods."""
LEAST_CANDLES = 550
"""Number of candles that the first known regime needs, its own included. Between it and the warm-up the volatility is
ranked among fewer periods; everything else is as it would be after more candles, to 1e-9."""
_FIRST = LEAST_CANDLES - 1 - 24
"""First candle of the computation: early enough for the short windows of the rules."""
MAX_CANDLES_IN_REGIME = 240
"""The largest count of candles in a regime, so that it depends on a bounded past."""
TREND_ADX = 25.0
BURST_SIGMA = 3.0
BREAKOUT_SIGMA = 2.0
BURST_VOLUME = 2.0
BURST_LIFE = 4
QUIET_RANK = 0.2
VOTES = 5
"""Number of candles whose majority decides a calm regime."""
CODES = np.arange(len(REGIMES), dtype=np.int8)[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class RegimeArrays:
    """``codes`` int8[n] into `REGIMES`, −1 for the first 549; ``strength`` float64[n] in [0, 1]: how clear the
    regime is; ``candles_in_regime`` int64[n] includes the candle itself, at most 240; ``previous`` int8[n]: the code
    before the present regime, −1 if the regime is longer than that."""

    codes: Int8Array
    strength: FloatArray
    candles_in_regime: IntArray
    previous: Int8Array

    def regime(self, index: int) -> Regime:
        """The regime at one candle. Raises ValueError at one of the first 549."""
        code = int(self.codes[index])
        if code == UNKNOWN:
            raise ValueError(f"no regime is known at candle {index}: it needs {LEAST_CANDLES} candles")
        return REGIMES[code]


def classify(indicators: Indicators) -> RegimeArrays:
    """The regime at each candle but the first 549; an entry depends on the 1,000 candles before it."""
    length, first = len(indicators.candles), LEAST_CANDLES - 1
    codes = np.full(length, UNKNOWN, dtype=np.int8)
    strength = np.full(length, np.nan)
    if length > first:
        evidence = _evidence(indicators)
        burst = rolling_max(_bursts(evidence).astype(np.float64), BURST_LIFE) > 0
        known = np.where(burst, np.int8(VOLATILE), _majority(_calm(evidence)))[first - _FIRST :]
        codes[first:] = known
        strength[first:] = np.choose(known, [clarity[first - _FIRST :] for clarity in _clarity(evidence)])
    return RegimeArrays(codes, strength, *_runs(codes))


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """The input of the rules, float64[n - _FIRST] each.

    ``lead``: direction of the directional movement, −1 all down, 1 all up. ``slope``: change of the 20 candle EMA over
    5 candles, in ATR. ``rank``: rank of the volatility. ``surprise``: the move of the last three candles, in units of
    the week's volatility before. ``busiest``: the highest volume ratio of the last three candles. ``outside``: whether
    the close is outside the Donchian channel.
    """

    adx: FloatArray
    lead: FloatArray
    slope: FloatArray
    rank: FloatArray
    surprise: FloatArray
    busiest: FloatArray
    outside: BoolArray
    efficiency: FloatArray
    volatility_ratio: FloatArray


def _evidence(indicators: Indicators) -> _Evidence:
    plus, minus = indicators.plus_di()[_FIRST:], indicators.minus_di()[_FIRST:]
    average, close = indicators.ema(20), indicators.candles.close
    upper, lower = indicators.donchian(20)
    now, price = close[_FIRST:], np.log(close[_FIRST - 3 :])
    usual = (indicators.volatility(168)[_FIRST - 3 : -3] + MIN_VOLATILITY) * np.sqrt(3.0)
    volume = indicators.volume_ratio()[_FIRST - 2 :]
    return _Evidence(
        adx=indicators.adx()[_FIRST:],
        lead=(plus - minus) / (plus + minus + 1e-9),
        slope=(average[_FIRST:] - average[_FIRST - 5 : -5]) / (indicators.atr()[_FIRST:] + MIN_VOLATILITY * now),
        rank=indicators.volatility_rank()[_FIRST:],
        surprise=np.abs(price[3:] - price[:-3]) / usual,
        busiest=np.maximum(np.maximum(volume[:-2], volume[1:-1]), volume[2:]),
        outside=(now > upper[_FIRST:]) | (now < lower[_FIRST:]),
        efficiency=indicators.efficiency(24)[_FIRST:],
        volatility_ratio=indicators.volatility_ratio()[_FIRST:],
    )


def _bursts(evidence: _Evidence) -> BoolArray:
    moved = (evidence.surprise > BURST_SIGMA) | (evidence.outside & (evidence.surprise > BREAKOUT_SIGMA))
    return moved & (evidence.busiest > BURST_VOLUME)


def _calm(evidence: _Evidence) -> Int8Array:
    """The regime of each candle by itself, without bursts."""
    way = np.sign(evidence.lead)
    trending = (evidence.adx > TREND_ADX) & (way * evidence.slope > 0)
    codes = np.where(evidence.rank <= QUIET_RANK, np.int8(QUIET), np.int8(RANGING))
    return np.where(trending, np.where(way > 0, np.int8(UP), np.int8(DOWN)), codes)


def _clarity(evidence: _Evidence) -> tuple[FloatArray, ...]:
    """How clear each regime would be at each candle, by code: float64[n] in [0, 1] each."""
    directed, one_sided, steep, undirected, wandering, far, busy, low, calm = _ramps(
        (evidence.adx, 18.0, 38.0),
        (np.abs(evidence.lead), 0.0, 0.4),
        (np.abs(evidence.slope), 0.0, 0.8),
        (evidence.adx, 32.0, 16.0),
        (evidence.efficiency, 0.5, 0.1),
        (evidence.surprise, 1.0, 4.0),
        (evidence.busiest, 1.0, 4.0),
        (evidence.rank, 0.4, 0.05),
        (evidence.volatility_ratio, 1.0, 0.6),
    )
    trend = 0.6 * np.minimum(directed, one_sided) + 0.4 * np.minimum(directed, steep)
    up = evidence.lead > 0
    ranging = 0.6 * undirected + 0.4 * wandering
    burst = 0.5 * far + 0.5 * busy
    quiet = 0.6 * low + 0.4 * calm
    return trend * up, trend * ~up, ranging, burst, quiet


def _ramps(*ramps: tuple[FloatArray, float, float]) -> FloatArray:
    """For each (series, low, high), float64[m]: 0 at ``low``, 1 at ``high``, linear between; ``high`` may be the
    smaller."""
    lows = np.array([[low] for _, low, _ in ramps])
    slopes = np.array([[1.0 / (high - low)] for _, low, high in ramps])
    return np.asarray(np.minimum(np.maximum((np.array([series for series, _, _ in ramps]) - lows) * slopes, 0.0), 1.0))


def _majority(codes: Int8Array) -> Int8Array:
    """The most frequent code of the last few candles; of equals the present candle's, then the smaller code."""
    says = (codes == CODES).view(np.int8)
    votes = 2 * says
    for earlier in range(1, VOTES):
        votes[:, earlier:] += 2 * says[:, :-earlier]
    ranked = (votes + says) * np.int8(8) - CODES
    return np.asarray(-ranked.max(axis=0) & np.int8(7))


def _runs(codes: Int8Array) -> tuple[IntArray, Int8Array]:
    """Length of the run that ends at each candle, capped, and the code before that run."""
    index = np.arange(len(codes))
    changed = np.zeros(len(codes), dtype=np.bool_)
    np.not_equal(codes[1:], codes[:-1], out=changed[1:])
    length = np.minimum(index - np.maximum.accumulate(index * changed) + 1, MAX_CANDLES_IN_REGIME)
    previous = np.where(length < MAX_CANDLES_IN_REGIME, codes[np.maximum(index - length, 0)], np.int8(UNKNOWN))
    length[: LEAST_CANDLES - 1] = 0
    return length, previous
