"""Building blocks of rules: vectorized, causal, and silent in a market that does not move."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from functools import cache
from typing import Any, ClassVar

import numpy as np

from autopilot.analysis.entries import Numbers, Truths, larger, unit
from autopilot.analysis.formulas import LONGEST_EMA
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.rolling import lagged, rolling_max, rolling_mean, rolling_min
from autopilot.analysis.view import Market, MarketView, fresh, once
from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays
from autopilot.strategies.base import Strategy

__all__ = [
    "LONGEST_EMA",
    "LONGEST_WILDER",
    "LONGEST_WINDOW",
    "MIN_MOVE",
    "RANGE_CANDLES",
    "TREND_CANDLES",
    "WEEK_CANDLES",
    "Rule",
    "Take",
    "assemble",
    "atr",
    "fired",
    "fresh",
    "lagged",
    "once",
    "ramp",
    "rolling_max",
    "rolling_mean",
    "rolling_min",
    "sentiment_of",
    "settled",
    "side_of",
    "stretch",
    "unit",
    "window_of",
]

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


@cache
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


class Take:
    """The candles on which a rule fires. Calling it with a measure and its arguments gives the measure there; ``side``
    is 1.0 for a buy and -1.0 for a sell."""

    def __init__(self, of: Market, side: Numbers, at: IntArray | None = None) -> None:
        self.side = side
        self.of = of
        self._at = at

    def __call__(self, measure: Callable[..., Numbers], *args: Any) -> Numbers:
        values = measure(self.of, *args)
        return values if self._at is None else values[self._at]


class Rule(Strategy):
    """A strategy whose rule is written once, and computed over a series and at one candle (`analysis.entries`).

    ``stop_ranges`` and ``target_ranges``: distances of stop and target from the close, in ATR bounded by MIN_RANGE and
    MAX_RANGE. It looks back by `earlier`, `fresh`, `highest` and `lowest` of the market only.
    """

    stop_ranges: ClassVar[float]
    target_ranges: ClassVar[float]

    @abstractmethod
    def sides(self, of: Market) -> tuple[Truths, Truths]:
        """(whether it buys, whether it sells)."""

    @abstractmethod
    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        """(strength, confidence) on the candles on which it fires; they are bounded to [0, 1] later."""

    @abstractmethod
    def words(self, at: MarketMoment) -> str:
        """The rule's numbers at one candle, as a text."""

    def is_informed(self, of: Market) -> bool:
        """Whether there are the external series that it needs; without them it has no opinion."""
        return not (
            (self.needs_sentiment and of.sentiment is None) or (self.needs_reference and of.reference_close is None)
        )

    def signals(self, view: MarketView) -> SignalArrays:
        if not self.is_informed(view):
            return SignalArrays.neutral(len(view.candles))
        at, side = fired(view, *self.sides(view))
        strength, confidence = self.weights(Take(view, side, at))
        return assemble(
            view,
            at,
            side,
            strength=strength,
            confidence=confidence,
            stop_ranges=self.stop_ranges,
            target_ranges=self.target_ranges,
        )

    def explain(self, view: MarketView, index: int) -> str:
        return self.words(view.at(index))

    def side_at(self, moment: MarketMoment) -> float:
        """The side at one candle: 1.0 buy, -1.0 sell, 0.0 none."""
        return side_of(moment, *self.sides(moment))

    def weights_at(self, moment: MarketMoment, side: float) -> tuple[float, float]:
        """(strength, confidence) in [0, 1] at one candle on which it fires."""
        strength, confidence = self.weights(Take(moment, side))
        return unit(strength), unit(confidence)


@once
def atr(of: Market) -> Numbers:
    """ATR in price units, never below MIN_MOVE of the price, so that it can be a divisor."""
    return larger(of.indicators.atr(ATR_PERIOD), of.indicators.close * MIN_MOVE)


@once
def stretch(of: Market, period: int) -> Numbers:
    """The close's distance from SMA(period), in standard deviations of that distance for a random walk."""
    usual = of.indicators.volatility(168) * (period / 3.0) ** 0.5 + MIN_MOVE
    return (of.indicators.close / of.indicators.sma(period) - 1.0) / usual


def sentiment_of(of: Market) -> Numbers:
    """The sentiment, for a market that has a source of it."""
    return of.sentiment


def adx(of: Market) -> Numbers:
    """`IndicatorFormulas.adx`, as a measure."""
    return of.indicators.adx()


def volatility_ratio(of: Market) -> Numbers:
    """`IndicatorFormulas.volatility_ratio`, as a measure."""
    return of.indicators.volatility_ratio()


def ramp(values: Numbers, low: float, high: float) -> Numbers:
    """0 at ``low``, 1 at ``high``, linear between, flat outside; NaN counts as 0. ``low`` may be above ``high``; where
    they are equal, 1 above them."""
    return unit((values - low) * (1.0 / (high - low) if high != low else math.inf))


def fired(view: MarketView, buy: BoolArray, sell: BoolArray) -> tuple[IntArray, FloatArray]:
    """The candles on which a rule fires, int64[m], and its side there, float64[m]: 1 buy, -1 sell.

    A candle with both sides counts as neither, and nothing fires while the market does not move.
    """
    at = ((buy != sell) & _moving(view)).nonzero()[0]
    return at, np.where(buy[at], 1.0, -1.0)


def side_of(moment: MarketMoment, buy: bool, sell: bool) -> float:
    """As `fired`, at one candle: 1.0 buy, -1.0 sell, 0.0 none."""
    if buy == sell or not _moving(moment):
        return 0.0
    return 1.0 if buy else -1.0


@once
def _moving(of: Market) -> Truths:
    return of.indicators.atr(ATR_PERIOD) > of.indicators.close * MIN_MOVE


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
    return SignalArrays(sides, strengths, confidences, _distance(view, stop_ranges), _distance(view, target_ranges))


@once
def _distance(view: MarketView, ranges: float) -> FloatArray:
    """``ranges`` bounded ATR as a fraction of the close."""
    distance: FloatArray = bounded_range(view) * ranges
    distance.flags.writeable = False
    return distance


@once
def bounded_range(of: Market) -> Numbers:
    """ATR as a fraction of the close, within MIN_RANGE and MAX_RANGE; NaN counts as MIN_RANGE."""
    span = of.indicators.atr(ATR_PERIOD) / of.indicators.close
    if type(span) is float:
        return (min(MAX_RANGE, span)) if span > MIN_RANGE else MIN_RANGE
    span = np.fmax(span, MIN_RANGE)
    return np.fmin(span, MAX_RANGE, out=span)
