"""Building blocks of rules: vectorized, causal, and silent in a market that does not move."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable
from functools import wraps
from typing import TypeVar

import numpy as np

from autopilot.analysis.indicators import LONGEST_EMA
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.rolling import lagged, rolling_max, rolling_mean, rolling_min
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays

__all__ = [
    "LONGEST_EMA",
    "LONGEST_WILDER",
    "LONGEST_WINDOW",
    "MIN_MOVE",
    "RANGE_CANDLES",
    "TREND_CANDLES",
    "WEEK_CANDLES",
    "assemble",
    "atr",
    "fired",
    "fresh",
    "lagged",
    "once_per_view",
    "ramp",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "settled",
    "stretch",
    "unit",
    "window_of",
]

S = TypeVar("S", bound=Hashable)
T = TypeVar("T")

LONGEST_WILDER = (LONGEST_EMA + 1) // 2
LONGEST_WINDOW = 720
"""In candles, as `Strategy.signals` requires."""
ATR_PERIOD = 14
MIN_MOVE = 1e-5
"""ATR below this fraction of the price means that the market does not move: its indicators are rounding noise."""
FORGOTTEN = 1e-14
"""The weight at which a recursive indicator has forgotten a candle, even one of a market a thousand times as wild."""
MIN_RANGE, MAX_RANGE = 0.002, 0.0375
"""Bounds of ATR as a fraction of the price, for stops and targets: a stop of 1.5 ATR is never closer than 0.3 %, and
a stop of 4 ATR never farther than 15 %."""


def settled(n: int, times: int = 1, weight: float = FORGOTTEN) -> int:
    """The number of candles that an EMA of ``n`` needs, so that those before them weigh less than ``weight``.

    ``times`` 2: an EMA of such an EMA. Wilder's smoothing over ``n`` is an EMA of 2n − 1.
    """
    kept, share, candles = 1.0 - 2.0 / (n + 1), 2.0 / (n + 1), 0
    while kept**candles * (1.0 + (times - 1) * share * candles) > weight:
        candles += 1
    return times * n + candles


def window_of(*candles: int) -> int:
    """The candles that a rule needs whose parts need so many: the largest number, at most `WINDOW`."""
    return min(max(candles), WINDOW)


RANGE_CANDLES = settled(2 * ATR_PERIOD - 1) + 1
"""The candles that ATR needs, and with it `assemble` and `fired`; RSI of the same period needs as many."""
TREND_CANDLES = settled(2 * ATR_PERIOD - 1, 2) + 1
"""The candles that ADX needs."""
WEEK_CANDLES = 169
"""The candles that the volatility of a week needs, with `stretch` and the volatility ratio."""


def once_per_view(measure: Callable[[S, MarketView], T]) -> Callable[[S, MarketView], T]:
    """Decorator for arrays that are needed more than once, such as by a strategy's signals and its explanation. The
    view caches them, as it does its properties."""

    name = measure.__qualname__

    @wraps(measure)
    def remembered(strategy: S, view: MarketView) -> T:
        known: dict[tuple[str, S], T] = view.__dict__.setdefault("_measures", {})
        key = (name, strategy)
        found = known.get(key)
        if found is None:
            found = known[key] = measure(strategy, view)
        return found

    return remembered


def atr(view: MarketView) -> FloatArray:
    """ATR in price units, never below MIN_MOVE of the price, so that it can be a divisor."""
    return _bounded_atr(ATR_PERIOD, view)


@once_per_view
def _bounded_atr(period: int, view: MarketView) -> FloatArray:
    return np.asarray(np.maximum(view.indicators.atr(period), view.candles.close * MIN_MOVE))


@once_per_view
def stretch(period: int, view: MarketView) -> FloatArray:
    """The close's distance from SMA(period), in standard deviations of that distance for a random walk."""
    of, close = view.indicators, view.candles.close
    usual = of.volatility(168) * (period / 3.0) ** 0.5 + MIN_MOVE
    return np.asarray((close / of.sma(period) - 1.0) / usual)


def fresh(state: BoolArray, candles: int) -> BoolArray:
    """Where ``state`` holds and was not true on all of the ``candles`` candles before."""
    lasting = state[:-1]
    for ago in range(2, candles + 1):
        lasting = lasting[1:] & state[:-ago]
    began = state.copy()
    np.greater(state[candles:], lasting, out=began[candles:])
    return began


def ramp(values: FloatArray, low: float, high: float) -> FloatArray:
    """0 at ``low``, 1 at ``high``, linear between, flat outside; NaN counts as 0. ``low`` may be above ``high``; where
    they are equal, 1 above them."""
    return unit((values - low) * (1.0 / (high - low) if high != low else math.inf))


def unit(values: FloatArray) -> FloatArray:
    """Bounded to [0, 1]; NaN counts as 0."""
    bounded: FloatArray = np.fmax(values, 0.0)
    return np.fmin(bounded, 1.0, out=bounded)


def fired(view: MarketView, buy: BoolArray, sell: BoolArray) -> tuple[IntArray, FloatArray]:
    """The candles on which a rule fires, int64[m], and its side there, float64[m]: 1 buy, -1 sell.

    A candle with both sides counts as neither, and nothing fires while the market does not move.
    """
    at = ((buy != sell) & _moving(ATR_PERIOD, view)).nonzero()[0]
    return at, np.where(buy[at], 1.0, -1.0)


@once_per_view
def _moving(period: int, view: MarketView) -> BoolArray:
    return view.indicators.atr(period) > view.candles.close * MIN_MOVE


def assemble(
    view: MarketView,
    at: IntArray,
    side: FloatArray,
    *,
    strength: FloatArray,
    confidence: FloatArray,
    stop_ranges: float,
    target_ranges: float,
) -> SignalArrays:
    """Signal arrays of a rule that fired on the candles ``at`` with this ``side``, ``strength`` and ``confidence``.

    Stop and target are ``stop_ranges`` and ``target_ranges`` ATR from the close; ATR is bounded by MIN_RANGE and
    MAX_RANGE.
    """
    length = len(view.candles)
    sides, strengths, confidences = np.zeros(length, dtype=np.int8), np.zeros(length), np.zeros(length)
    sides[at], strengths[at], confidences[at] = side, unit(strength), unit(confidence)
    return SignalArrays(sides, strengths, confidences, _distance(stop_ranges, view), _distance(target_ranges, view))


@once_per_view
def _distance(ranges: float, view: MarketView) -> FloatArray:
    """``ranges`` bounded ATR as a fraction of the close."""
    distance: FloatArray = _bounded_range(ATR_PERIOD, view) * ranges
    distance.flags.writeable = False
    return distance


@once_per_view
def _bounded_range(period: int, view: MarketView) -> FloatArray:
    span: FloatArray = np.fmax(view.indicators.atr(period) / view.candles.close, MIN_RANGE)
    return np.fmin(span, MAX_RANGE, out=span)
