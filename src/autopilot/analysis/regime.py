"""The state a market is in at each candle, by rules with a bounded memory.

A burst (a move far beyond the usual in three candles, or out of the Donchian channel, on high volume) is volatile for the
burst and a few candles after it. Else a market trends when ADX > 25 and both the directional indicators and the slope of
the moving average agree on the way; else it is quiet when its volatility is low among its own past; else it ranges. The
calm three (trend, quiet, range) change when most of the last few candles say so, which takes the flicker out of the
edges; a burst is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.analysis.indicators import STILL, Indicators
from autopilot.analysis.rolling import lagged, rolling_max, rolling_sum
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.conditions import Regime

REGIMES: tuple[Regime, ...] = tuple(Regime)
"""By code."""
UNKNOWN = -1
"""Code during the warm-up."""
UP, DOWN, RANGING, VOLATILE, QUIET = range(len(REGIMES))

LONGEST = 240
"""Candles in a regime are counted up to here, so that the count depends on a bounded past."""
TREND_ADX = 25.0
BURST_SIGMA = 3.0
BREAKOUT_SIGMA = 2.0
BURST_VOLUME = 2.0
BURST_LIFE = 4
QUIET_RANK = 0.2
VOTES = 5
"""Candles of which the majority says what a calm market is."""
_CODES = np.arange(len(REGIMES), dtype=np.int8)[:, None]

CodeArray = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class RegimeArrays:
    """``codes`` int8[n] into `REGIMES`, −1 in the warm-up; ``strength`` float64[n] in [0, 1]: how clearly the candle is
    in its regime; ``candles_in_regime`` int64[n] counts the candle itself, at most 240; ``previous`` int8[n]: the code
    before the present regime, −1 when that is longer ago."""

    codes: CodeArray
    strength: FloatArray
    candles_in_regime: IntArray
    previous: CodeArray

    def regime(self, index: int) -> Regime:
        """Raises ValueError in the warm-up."""
        code = int(self.codes[index])
        if code == UNKNOWN:
            raise ValueError(f"no regime is known at candle {index}: the warm-up is not over")
        return REGIMES[code]


def classify(indicators: Indicators) -> RegimeArrays:
    """The regime at each candle. The warm-up is 724 candles; an entry depends on the 1,000 before it."""
    evidence = _evidence(indicators)
    burst = rolling_max(_bursts(indicators, evidence).astype(np.float64), BURST_LIFE) > 0
    calm = _majority(_calm(evidence))
    codes = np.where(burst & (calm != UNKNOWN), np.int8(VOLATILE), calm)
    strength = np.choose(np.maximum(codes, 0), _clarity(indicators, evidence))
    strength[codes == UNKNOWN] = np.nan
    candles, previous = _runs(codes)
    return RegimeArrays(codes, strength, candles, previous)


def volatility_rank(indicators: Indicators) -> FloatArray:
    """Where the volatility of the last 24 candles stands among the 29 such periods before them: 0 lowest, 1 highest.

    Periods side by side are nearly independent, so that 29 of them say as much as all 696 overlapping ones."""
    volatility = indicators.volatility(24)
    rank = np.full(len(volatility), np.nan)
    memory = 29 * 24 + 1
    if len(volatility) >= memory:
        periods = np.lib.stride_tricks.sliding_window_view(volatility, memory)[:, ::24].T
        rank[memory - 1 :] = 0.5 + np.sign(periods[-1] - periods[:-1]).sum(axis=0) / 58
    return rank


def ramp(series: FloatArray, low: float, high: float) -> FloatArray:
    """0 at ``low``, 1 at ``high``, straight between; ``high`` may be the smaller one."""
    return np.minimum(np.maximum((series - low) * (1.0 / (high - low)), 0.0), 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Evidence:
    """What the rules look at, float64[n] each.

    ``lead``: which way the directional movement goes, −1 all down, 1 all up. ``slope``: change of the 20 candle EMA
    over 5 candles, in average true ranges. ``rank``: `volatility_rank`. ``surprise``: the move of the last three
    candles in the usual moves of three candles, of the week before them. ``busiest``: the highest volume of the last
    three candles over the usual one.
    """

    adx: FloatArray
    lead: FloatArray
    slope: FloatArray
    rank: FloatArray
    surprise: FloatArray
    busiest: FloatArray


def _evidence(indicators: Indicators) -> _Evidence:
    plus, minus = indicators.plus_di(), indicators.minus_di()
    average = indicators.ema(20)
    usual = lagged(indicators.volatility(168), 3) + STILL
    return _Evidence(
        adx=indicators.adx(),
        lead=(plus - minus) / (plus + minus + 1e-9),
        slope=(average - lagged(average, 5)) / (indicators.atr() + STILL * indicators.candles.close),
        rank=volatility_rank(indicators),
        surprise=np.abs(rolling_sum(indicators.log_return(), 3)) / (usual * np.sqrt(3.0)),
        busiest=rolling_max(indicators.volume_ratio(), 3),
    )


def _bursts(indicators: Indicators, evidence: _Evidence) -> NDArray[np.bool_]:
    upper, lower = indicators.donchian(20)
    close = indicators.candles.close
    broken_out = (close > upper) | (close < lower)
    moved = (evidence.surprise > BURST_SIGMA) | (broken_out & (evidence.surprise > BREAKOUT_SIGMA))
    return moved & (evidence.busiest > BURST_VOLUME)


def _calm(evidence: _Evidence) -> CodeArray:
    """The regime of each candle by itself, bursts left out."""
    way = np.sign(evidence.lead)
    trending = (evidence.adx > TREND_ADX) & (way * evidence.slope > 0)
    codes = np.where(evidence.rank <= QUIET_RANK, np.int8(QUIET), np.int8(RANGING))
    codes = np.where(trending, np.where(way > 0, np.int8(UP), np.int8(DOWN)), codes)
    codes[np.isnan(evidence.rank + evidence.adx + evidence.slope)] = UNKNOWN
    return codes


def _clarity(indicators: Indicators, evidence: _Evidence) -> tuple[FloatArray, ...]:
    """How clearly each candle would be in each regime, by code: float64[n] in [0, 1] each."""
    adx = evidence.adx
    directed = ramp(adx, 18.0, 38.0)
    trend = 0.6 * np.minimum(directed, ramp(np.abs(evidence.lead), 0.0, 0.4)) + 0.4 * np.minimum(
        directed, ramp(np.abs(evidence.slope), 0.0, 0.8)
    )
    up = evidence.lead > 0
    ranging = 0.6 * ramp(adx, 32.0, 16.0) + 0.4 * ramp(indicators.efficiency(24), 0.5, 0.1)
    burst = 0.5 * ramp(evidence.surprise, 1.0, 4.0) + 0.5 * ramp(evidence.busiest, 1.0, 4.0)
    quiet = 0.6 * ramp(evidence.rank, 0.4, 0.05) + 0.4 * ramp(indicators.volatility_ratio(), 1.0, 0.6)
    return trend * up, trend * ~up, ranging, burst, quiet


def _majority(codes: CodeArray) -> CodeArray:
    """The most frequent code of the last few candles; of equals the present candle's, then the smaller code."""
    smooth = np.full(len(codes), UNKNOWN, dtype=np.int8)
    if len(codes) >= VOTES:
        says = (codes == _CODES).view(np.int8)
        recent = [says[:, place : place + len(codes) - VOTES + 1] for place in range(VOTES)]
        votes = sum(recent[1:], recent[0])
        ballot = (2 * votes + recent[-1]) * np.int8(8) + (np.int8(7) - _CODES)
        best = ballot.max(axis=0)
        smooth[VOTES - 1 :] = np.where(votes.sum(axis=0) == VOTES, 7 - (best & 7), UNKNOWN)
    return smooth


def _runs(codes: CodeArray) -> tuple[IntArray, CodeArray]:
    """For each candle the length of the run it ends, capped, and the code before that run."""
    index = np.arange(len(codes))
    changed = np.diff(codes, prepend=UNKNOWN) != 0
    length = index - np.maximum.accumulate(np.where(changed, index, 0)) + 1
    length = np.minimum(np.where(codes == UNKNOWN, 0, length), LONGEST)
    before = index - length
    recent = (length < LONGEST) & (before >= 0) & (codes != UNKNOWN)
    return length, np.where(recent, codes[np.maximum(before, 0)], UNKNOWN).astype(np.int8)
