"""The input of analysis and strategies: one symbol's candles and the external data known at each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any, ParamSpec, TypeVar

import numpy as np

from autopilot.analysis.entries import Numbers, Truths
from autopilot.analysis.indicators import Indicators
from autopilot.analysis.moment import MarketMoment, MarketPast
from autopilot.analysis.regime import RegimeArrays, classify
from autopilot.analysis.rolling import Windows, lagged, rolling_max, rolling_min
from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import Timeframe

REFERENCE_LIFE = 3
"""Number of candles for which a reference close replaces missing later ones."""


@dataclass(frozen=True, eq=False)
class MarketView:
    """``n`` closed candles of one symbol, and the external data known at the close of each.

    ``reference_close`` float64[n]: closes of the reference symbol, NaN if missing. ``sentiment`` float64[n]: 0 (extreme
    fear) to 100 (extreme greed), NaN if unknown. Both are None without a source.
    """

    symbol: str
    candles: Candles
    indicators: Indicators
    reference_close: FloatArray | None
    sentiment: FloatArray | None

    @property
    def open_at_ms(self) -> IntArray:
        return self.candles.open_at_ms

    @property
    def timeframe(self) -> Timeframe:
        return self.candles.timeframe

    @cached_property
    def regimes(self) -> RegimeArrays:
        """The regime at every candle, classified once per view, or kept by the past that was advanced to it."""
        track = self.past.track if "past" in self.__dict__ else None
        return track.arrays(len(self.candles)) if track else classify(self.indicators)

    def between(self, first: int, end: int) -> MarketView:
        """The view of the candles from ``first`` on and before ``end``, with the same external data."""
        reference, sentiment = (
            None if series is None else series[first:end] for series in (self.reference_close, self.sentiment)
        )
        candles = self.candles[first:end]
        return MarketView(self.symbol, candles, Indicators(candles), reference, sentiment)

    def has_external_at(self, index: int) -> bool:
        """Whether a reference price or sentiment is known at that candle."""
        return any(
            series is not None and len(series) > 0 and bool(np.isfinite(series[index]))
            for series in (self.reference_close, self.sentiment)
        )

    @cached_property
    def past(self) -> MarketPast:
        """What formulas at one of these candles rest on."""
        return MarketPast(self)

    def at(self, index: int) -> MarketMoment:
        """The market at one candle."""
        return self.past.moment(len(self.past) - len(self.candles) + index % len(self.candles))

    def earlier(self, candles: int, measure: Measure, *args: Any) -> FloatArray:
        """The measure so many candles ago, NaN before the first."""
        return lagged(measure(self, *args), candles)

    def total_of(self, n: int, measure: Measure, *args: Any) -> FloatArray:
        """The measure's sum over the last ``n`` candles."""
        return _windows(self, measure, *args).over(n)

    def fresh(self, candles: int, state: Callable[[Any], Truths]) -> BoolArray:
        """Where ``state`` holds and did not hold on all of the ``candles`` candles before."""
        return fresh(state(self), candles)

    def highest(self, candles: int, measure: Measure, *args: Any) -> FloatArray:
        """The measure's highest value of the last ``candles`` candles."""
        return rolling_max(measure(self, *args), candles)

    def lowest(self, candles: int, measure: Measure, *args: Any) -> FloatArray:
        """The measure's lowest value of the last ``candles`` candles."""
        return rolling_min(measure(self, *args), candles)


Market = MarketView | MarketMoment
"""The market over a series, whose values are arrays, or at one candle, whose values are floats."""
Measure = Callable[..., Numbers]
"""Takes a `Market`, and any arguments."""
P = ParamSpec("P")
T = TypeVar("T")


def once(measure: Callable[P, T]) -> Callable[P, T]:
    """Decorator for a function of a market, its first argument, whose result is needed more than once: the market keeps
    it."""
    name = f"{measure.__module__}.{measure.__qualname__}"

    @wraps(measure)
    def remembered(*args: P.args, **kwargs: P.kwargs) -> T:
        of, *rest = args
        known = of.__dict__.setdefault("measures", {})
        key = (name, *rest)
        found: T | None = known.get(key)
        if found is None:
            found = known[key] = measure(*args, **kwargs)
        return found

    return remembered


@once
def _windows(view: MarketView, measure: Measure, *args: Any) -> Windows:
    return Windows(measure(view, *args), np.add)


def fresh(state: BoolArray, candles: int) -> BoolArray:
    """Where ``state`` holds and did not hold on all of the ``candles`` candles before."""
    lasting = state[:-1]
    for ago in range(2, candles + 1):
        lasting = lasting[1:] & state[:-ago]
    began = state.copy()
    np.greater(state[candles:], lasting, out=began[candles:])
    return began


def forget_arrays(view: MarketView) -> None:
    """Let go of all arrays of the view but the regimes, because they take megabytes. One that is asked for again is
    computed again, with the same bits."""
    view.indicators.forget()
    view.__dict__.pop("measures", None)


def market_view(
    symbol: str, candles: Candles, reference: Candles | None, sentiment: SentimentSeries | None
) -> MarketView:
    """A view with the external series aligned to ``candles``: each candle sees only values known at its close."""
    return MarketView(
        symbol=symbol,
        candles=candles,
        indicators=Indicators(candles),
        reference_close=None if reference is None else _closes_at(candles, reference),
        sentiment=None if sentiment is None else sentiment.at(candles.open_at_ms + candles.timeframe.ms),
    )


def _closes_at(candles: Candles, reference: Candles) -> FloatArray:
    """The reference's last close at each candle's close, NaN if it is missing or too old."""
    if not len(reference):
        return np.full(len(candles), np.nan)
    if reference.timeframe is candles.timeframe and np.array_equal(reference.open_at_ms, candles.open_at_ms):
        return reference.close
    closed_at = candles.open_at_ms + candles.timeframe.ms
    reference_closed_at = reference.open_at_ms + reference.timeframe.ms
    index = np.searchsorted(reference_closed_at, closed_at, side="right") - 1
    known = np.maximum(index, 0)
    fresh = (index >= 0) & (closed_at - reference_closed_at[known] <= REFERENCE_LIFE * candles.timeframe.ms)
    return np.where(fresh, reference.close[known], np.nan)
