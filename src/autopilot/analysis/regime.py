"""The regime of a market at each candle, by rules with a bounded memory.

A burst makes a market volatile for a few candles: a move far beyond the usual within three candles, or a smaller move
out of the Donchian channel, on high volume. Otherwise the market is trending if ADX > 25 and both the directional
indicators and the slope of the moving average agree on the direction; else quiet if volatility is low compared with its
own past; else ranging. A calm regime (trending, quiet, ranging) changes only if most of the last few candles agree, so
that it does not flicker at the edges; a burst counts at once.
"""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from autopilot.analysis.entries import Numbers, Truths, either, larger, negated, sign, smaller
from autopilot.analysis.formulas import MIN_VOLATILITY, IndicatorFormulas
from autopilot.analysis.indicators import Indicators
from autopilot.analysis.rolling import numbers, rolling_max
from autopilot.domain.candles import FloatArray, Int8Array, IntArray
from autopilot.domain.conditions import Regime

if TYPE_CHECKING:
    from autopilot.analysis.moment import IndicatorsAt, MarketMoment

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
_CODES = np.arange(len(REGIMES), dtype=np.int8)[:, None]
_ROOT_OF_3 = sqrt(3.0)


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

    def at(self, index: int) -> RegimeAt:
        """The regime at one candle. Raises ValueError at one of the first 549."""
        self.regime(index)
        return RegimeAt(
            int(self.codes[index]),
            float(self.strength[index]),
            int(self.candles_in_regime[index]),
            int(self.previous[index]),
        )


@dataclass(frozen=True, slots=True)
class RegimeAt:
    """`RegimeArrays` at one candle."""

    codes: int
    strength: float
    candles_in_regime: int
    previous: int


def classify(indicators: Indicators) -> RegimeArrays:
    """The regime at each candle but the first 549; an entry depends on the 1,000 candles before it."""
    length, first = len(indicators.candles), LEAST_CANDLES - 1
    codes = np.full(length, UNKNOWN, dtype=np.int8)
    strength = np.full(length, np.nan)
    if length > first:
        evidence = _evidence(indicators)
        burst = rolling_max(_bursts(evidence).astype(np.float64), BURST_LIFE) > 0
        known = np.where(burst, np.int8(VOLATILE), _majority(_calm(evidence).astype(np.int8)))[first:]
        codes[first:] = known
        strength[first:] = np.choose(known, [clarity[first:] for clarity in _clarity(evidence)])
    return RegimeArrays(codes, strength, *_runs(codes))


class RegimeTrack:
    """The regime at the newest candle, and the codes of those before, advanced by one candle.

    ``arrays``: the regimes up to ``newest``, the moment of their last candle. Raises ValueError before the first known
    regime.
    """

    def __init__(self, arrays: RegimeArrays, newest: MarketMoment) -> None:
        self.newest = arrays.at(-1)
        """At the newest candle."""
        self._codes = array("b", arrays.codes.tobytes())
        self._strength = numbers(arrays.strength)
        before = [_evidence(newest.back(ago).indicators) for ago in range(VOTES - 1, -1, -1)]
        self._calm = deque([_calm(evidence) for evidence in before], VOTES)
        self._bursts = deque([_bursts(evidence) for evidence in before], BURST_LIFE)

    def append(self, newest: IndicatorsAt) -> None:
        """Advance to the candle of these indicators."""
        evidence = _evidence(newest)
        self._calm.append(_calm(evidence))
        self._bursts.append(_bursts(evidence))
        code = VOLATILE if any(self._bursts) else self._most_voted()
        candles, previous = self.newest.candles_in_regime + 1, self.newest.previous
        if code != self.newest.codes:
            candles, previous = 1, self.newest.codes
        elif candles >= MAX_CANDLES_IN_REGIME:
            candles, previous = MAX_CANDLES_IN_REGIME, UNKNOWN
        self.newest = RegimeAt(code, float(_clarity(evidence)[code]), candles, previous)
        self._codes.append(code)
        self._strength.append(self.newest.strength)

    def arrays(self, length: int) -> RegimeArrays:
        """The regimes at the last ``length`` candles."""
        codes = np.array(self._codes[-length:], dtype=np.int8)
        return RegimeArrays(codes, np.array(self._strength[-length:]), *_runs(codes))

    def _most_voted(self) -> int:
        """As `_majority`."""
        votes, present = self._calm, self._calm[-1]
        return int(min(set(votes), key=lambda code: (-votes.count(code), code != present, code)))


@dataclass(slots=True, eq=False)
class _Evidence:
    """The input of the rules at each candle, or at one.

    ``lead``: direction of the directional movement, −1 all down, 1 all up. ``slope``: change of the 20 candle EMA over
    5 candles, in ATR. ``rank``: rank of the volatility. ``surprise``: the move of the last three candles, in units of
    the week's volatility before. ``busiest``: the highest volume ratio of the last three candles. ``outside``: whether
    the close is outside the Donchian channel.
    """

    adx: Numbers
    lead: Numbers
    slope: Numbers
    rank: Numbers
    surprise: Numbers
    busiest: Numbers
    outside: Truths
    efficiency: Numbers
    volatility_ratio: Numbers


def _evidence(of: IndicatorFormulas) -> _Evidence:
    plus, minus = of.plus_di(), of.minus_di()
    upper, lower = of.donchian(20)
    usual = (of.earlier(3, IndicatorFormulas.volatility, 168) + MIN_VOLATILITY) * _ROOT_OF_3
    before, earlier = (of.earlier(ago, IndicatorFormulas.volume_ratio) for ago in (1, 2))
    return _Evidence(
        adx=of.adx(),
        lead=(plus - minus) / (plus + minus + 1e-9),
        slope=(of.ema(20) - of.earlier(5, IndicatorFormulas.ema, 20)) / (of.atr() + MIN_VOLATILITY * of.close),
        rank=of.volatility_rank(),
        surprise=abs(of.log_close() - of.earlier(3, IndicatorFormulas.log_close)) / usual,
        busiest=larger(larger(earlier, before), of.volume_ratio()),
        outside=(of.close > upper) | (of.close < lower),
        efficiency=of.efficiency(24),
        volatility_ratio=of.volatility_ratio(),
    )


def _bursts(evidence: _Evidence) -> Truths:
    moved = (evidence.surprise > BURST_SIGMA) | (evidence.outside & (evidence.surprise > BREAKOUT_SIGMA))
    return moved & (evidence.busiest > BURST_VOLUME)


def _calm(evidence: _Evidence) -> Numbers:
    """The regime's code without bursts, each candle by itself."""
    way = sign(evidence.lead)
    trending = (evidence.adx > TREND_ADX) & (way * evidence.slope > 0)
    return either(trending, either(way > 0, UP, DOWN), either(evidence.rank <= QUIET_RANK, QUIET, RANGING))


def _clarity(evidence: _Evidence) -> tuple[Numbers, ...]:
    """How clear each regime would be, by code, in [0, 1]."""
    directed = _ramp(evidence.adx, 18.0, 38.0)
    one_sided, steep = _ramp(abs(evidence.lead), 0.0, 0.4), _ramp(abs(evidence.slope), 0.0, 0.8)
    trend = 0.6 * smaller(directed, one_sided) + 0.4 * smaller(directed, steep)
    up = evidence.lead > 0
    ranging = 0.6 * _ramp(evidence.adx, 32.0, 16.0) + 0.4 * _ramp(evidence.efficiency, 0.5, 0.1)
    burst = 0.5 * _ramp(evidence.surprise, 1.0, 4.0) + 0.5 * _ramp(evidence.busiest, 1.0, 4.0)
    quiet = 0.6 * _ramp(evidence.rank, 0.4, 0.05) + 0.4 * _ramp(evidence.volatility_ratio, 1.0, 0.6)
    return trend * up, trend * negated(up), ranging, burst, quiet


def _ramp(values: Numbers, low: float, high: float) -> Numbers:
    """0 at ``low``, 1 at ``high``, linear between; ``high`` may be the smaller."""
    return smaller(larger((values - low) * (1.0 / (high - low)), 0.0), 1.0)


def _majority(codes: Int8Array) -> Int8Array:
    """The most frequent code of the last few candles; of equals the present candle's, then the smaller code."""
    says = (codes == _CODES).view(np.int8)
    votes = 2 * says
    for earlier in range(1, VOTES):
        votes[:, earlier:] += 2 * says[:, :-earlier]
    ranked = (votes + says) * np.int8(8) - _CODES
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
