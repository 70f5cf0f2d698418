"""The market at one candle: the formulas of `IndicatorFormulas` as floats, from a past that one candle advances."""

from __future__ import annotations

import operator
from array import array
from collections.abc import Callable, Mapping
from math import nan
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from autopilot.analysis.entries import Numbers, Truths
from autopilot.analysis.formulas import (
    PERIODS,
    Formula,
    IndicatorFormulas,
    close_of,
    high_of,
    low_of,
    volume_of,
)
from autopilot.analysis.regime import RegimeAt, RegimeTrack
from autopilot.analysis.rolling import numbers
from autopilot.analysis.running import RunningAverage, RunningMoments, RunningValues, RunningWindows
from autopilot.domain.candles import FloatArray
from autopilot.domain.timeframe import Timeframe

if TYPE_CHECKING:
    from autopilot.analysis.view import MarketView

KEPT = 24
"""Candles whose moments stay known, with what was computed for them."""
LIFE = 250
"""Candles by which a past is advanced before it is made again, so that it does not grow."""
LONGEST_RUNNING = 40
"""The longest EMA that within a window forgets what was before it to the last bit. A longer one is taken over the
window, so that a past that was made again changes nothing."""
REFERENCE_LENGTH = 730
"""Candles of the reference that must be unchanged: the longest window of a formula over it, and some."""
Fold = tuple[np.ufunc, Callable[..., float]]
"""For arrays, and for floats."""
SUM: Fold = np.add, operator.add
MAX: Fold = np.maximum, max
MIN: Fold = np.minimum, min
R = TypeVar("R", bound=RunningValues)
_COLUMNS = ("open_at_ms", "open", "high", "low", "close", "volume")


class MarketPast:
    """What the formulas at a candle rest on: the candles of a view, and the averages, sums and extremes up to each.

    `follow` advances it by one candle, and is the past of the view then. All of it is a cache: one that is made from
    the view itself gives the same.
    """

    def __init__(self, view: MarketView) -> None:
        candles = view.candles
        self.view = view
        """The view that ends with the newest candle."""
        self.columns: dict[Formula, array[float]] = {
            close_of: numbers(candles.close),
            high_of: numbers(candles.high),
            low_of: numbers(candles.low),
            volume_of: numbers(candles.volume),
            IndicatorFormulas.log_close: numbers(view.indicators.log_close()),
        }
        self.reference = None if view.reference_close is None else numbers(view.reference_close)
        self._made_with = len(candles)
        self._moments: dict[int, MarketMoment] = {}
        self.running: dict[tuple[Any, ...], Any] = {}
        """The averages, sums and extremes of indicators, by formula and arguments."""
        self.market_running: dict[tuple[Any, ...], RunningWindows] = {}
        """The sums of measures of the market."""
        self.track: RegimeTrack | None = None
        """The regimes up to the newest candle; None before `keep`."""

    def __len__(self) -> int:
        """Number of candles from the first view's first one on."""
        return len(self.columns[close_of])

    @property
    def newest(self) -> MarketMoment:
        """The moment of the newest candle."""
        return self.moment(len(self) - 1)

    def keep(self) -> None:
        """From now on keep the averages, sums and extremes, and classify each candle as it comes. Before, they are read
        from the view's arrays."""
        self._moments.clear()
        self.track = RegimeTrack(self.view.regimes, self.newest)
        self._moments.clear()

    def moment(self, index: int) -> MarketMoment:
        """The moment of a candle, counted from the first of the first view."""
        found = self._moments.get(index)
        if found is None:
            found = MarketMoment(self, index)
            if index + KEPT >= len(self):
                self._moments[index] = found
        return found

    def follow(self, view: MarketView) -> bool:
        """Advance to a view that ends one candle later. False, with nothing changed, if it does not: after a gap in the
        calls, a revised candle, a change of the reference, or at the end of this past's life."""
        if not self._continues(view):
            return False
        candles = view.candles
        self.view.__dict__.pop("past", None)
        view.__dict__["past"] = self
        self.view = view
        close = float(candles.close[-1])
        bar = close, float(candles.high[-1]), float(candles.low[-1]), float(candles.volume[-1]), float(np.log(close))
        for column, value in zip(self.columns.values(), bar, strict=True):
            column.append(value)
        if self.reference is not None and view.reference_close is not None:
            self.reference.append(float(view.reference_close[-1]))
        newest = self.newest
        self._moments.pop(newest.index - KEPT, None)
        for running in tuple(self.running.values()):
            running.position(newest.indicators)
        for windows in tuple(self.market_running.values()):
            windows.position(newest)
        if self.track is not None:
            self.track.append(newest.indicators)
        return True

    def _continues(self, view: MarketView) -> bool:
        before, after = self.view.candles, view.candles
        theirs, ours = self.view.reference_close, view.reference_close
        return (
            len(after) == len(before)
            and len(self) < self._made_with + LIFE
            and (view.symbol, after.timeframe) == (self.view.symbol, before.timeframe)
            and all(getattr(before, name)[1:].tobytes() == getattr(after, name)[:-1].tobytes() for name in _COLUMNS)
            and (theirs is None) == (ours is None)
            and (self.view.sentiment is None) == (view.sentiment is None)
            and (
                theirs is None
                or ours is None
                or theirs[1:][-REFERENCE_LENGTH:].tobytes() == ours[:-1][-REFERENCE_LENGTH:].tobytes()
            )
        )

    def average(self, n: int, formula: Formula, args: tuple[float, ...]) -> RunningAverage:
        """The formula's exponential moving average, from now on advanced with the others."""
        return self._kept(
            RunningAverage(*self._series(formula(self.view.indicators, *args), formula, args), n), n, formula, args
        )

    def windows(self, formula: Formula, args: tuple[float, ...], fold: Fold = SUM) -> RunningWindows:
        """The formula's values folded."""
        series = self._series(formula(self.view.indicators, *args), formula, args)
        return self._kept(RunningWindows(*series, fold), formula, args)

    def market_windows(self, measure: Formula, args: tuple[Any, ...]) -> RunningWindows:
        """The sums of a measure of the market."""
        found = RunningWindows(*self._series(measure(self.view, *args), measure, args), SUM)
        self.market_running[measure, args] = found
        return found

    def moments(self, n: int) -> RunningMoments:
        """Mean and deviation of the close."""
        return self._kept(RunningMoments(*self._series(self.view.candles.close, close_of, ()), n), n)

    def values(self, formula: Formula, args: tuple[float, ...]) -> RunningValues:
        """The formula's values."""
        return self._kept(
            RunningValues(*self._series(formula(self.view.indicators, *args), formula, args)), "values", formula, args
        )

    def _kept(self, running: R, *key: Any) -> R:
        self.running[key] = running
        return running

    def _series(
        self, series: FloatArray, formula: Formula, args: tuple[Any, ...]
    ) -> tuple[FloatArray, int, Formula, tuple[Any, ...]]:
        """The values over the newest view, and the index of that view's first candle."""
        return series, len(self) - len(series), formula, args


class IndicatorsAt(IndicatorFormulas):
    """The indicators at one candle: every value is a float."""

    def __init__(self, past: MarketPast, index: int) -> None:
        self.past, self.index = past, index
        columns = past.columns
        self.close, self.high = columns[close_of][index], columns[high_of][index]
        self.low, self.volume = columns[low_of][index], columns[volume_of][index]
        self._known = {}

    def log_close(self) -> float:
        return self.past.columns[IndicatorFormulas.log_close][self.index]

    def earlier(self, candles: int, formula: Formula, *args: float) -> Numbers:
        at = self.index - candles
        if at < 0:
            return nan
        column = self.past.columns.get(formula)
        return formula(self.past.moment(at).indicators, *args) if column is None else column[at]

    def smoothed(self, n: int, formula: Formula, *args: float) -> float:
        past = self.past
        if max(n, *args) > LONGEST_RUNNING if args else n > LONGEST_RUNNING:
            return self._read(past.view.indicators.smoothed(n, formula, *args))
        found: RunningAverage | None = past.running.get((n, formula, args))
        if found is None:
            if past.track is None:
                return self._read(past.view.indicators.smoothed(n, formula, *args))
            found = past.average(n, formula, args)
        return found.at(self)

    def total(self, n: int, formula: Formula, *args: float) -> float:
        past = self.past
        found: RunningWindows | None = past.running.get((formula, args))
        if found is None:
            if past.track is None:
                return self._read(past.view.indicators.total(n, formula, *args))
            found = past.windows(formula, args)
        return found.over(n, self)

    def highest_high(self, n: int) -> float:
        past = self.past
        if past.track is None:
            return self._read(past.view.indicators.highest_high(n))
        found: RunningWindows = past.running.get((high_of, ())) or past.windows(high_of, (), MAX)
        return found.over(n, self)

    def lowest_low(self, n: int) -> float:
        past = self.past
        if past.track is None:
            return self._read(past.view.indicators.lowest_low(n))
        found: RunningWindows = past.running.get((low_of, ())) or past.windows(low_of, (), MIN)
        return found.over(n, self)

    def _moments(self, n: int) -> tuple[float, float]:
        found: RunningMoments = self.past.running.get((n,)) or self.past.moments(n)
        return found.over(self)

    def _read(self, series: FloatArray) -> float:
        """The entry at this candle of a series over the newest view."""
        return float(series[self.index - len(self.past)])

    def _usual_volume(self, n: int) -> float:
        if self.index + 1 < n:
            return nan
        ordered = sorted(self.past.columns[volume_of][self.index - n + 1 : self.index + 1])
        return (ordered[(n - 1) // 2] + ordered[n // 2]) * 0.5 or self.volume_sum(n) / n

    def volatility_rank(self) -> float:
        if self.past.track is None:
            return self._read(self.past.view.indicators.volatility_rank())
        asked = IndicatorFormulas.volatility, (24,)
        volatility: RunningValues = self.past.running.get(("values", *asked)) or self.past.values(*asked)
        position = volatility.position(self)
        now, end = volatility.values[position], position - 24 * PERIODS - 1
        before = volatility.values[position - 24 : end if end >= 0 else None : -24]
        ahead = sum(value < now for value in before) - sum(value > now for value in before)
        return 0.5 + ahead / (2.0 * min(self.index // 24 - 1, PERIODS))


class MarketMoment:
    """The market at the close of one candle, as `MarketView` is over many. Made by `MarketPast`."""

    def __init__(self, past: MarketPast, index: int) -> None:
        self.past, self.index = past, index
        self.indicators = IndicatorsAt(past, index)
        self.measures: dict[Any, Any] = {}
        """Values that several formulas need (`once`)."""
        self.votes: Mapping[str, float] = {}
        """By strategy that takes a side at this candle: the side times its confidence."""

    @property
    def regimes(self) -> RegimeAt:
        """The regime at the candle: the newest one of a past that keeps regimes."""
        track = self.past.track
        return track.newest if track else self.past.view.regimes.at(self.place)

    @property
    def place(self) -> int:
        """The candle's index in `view`, from its end: −1 for the last."""
        return self.index - len(self.past)

    @property
    def timeframe(self) -> Timeframe:
        return self.past.view.timeframe

    @property
    def open_at_ms(self) -> int:
        return int(self.past.view.candles.open_at_ms[self.place])

    @property
    def sentiment(self) -> float | None:
        """NaN if it is unknown, None without a source."""
        series = self.past.view.sentiment
        return None if series is None else float(series[self.place])

    @property
    def reference_close(self) -> float | None:
        """NaN if it is missing, None without a reference."""
        series = self.past.reference
        return None if series is None else series[self.index]

    def back(self, candles: int) -> MarketMoment:
        """The moment so many candles ago, or the first."""
        return self.past.moment(max(self.index - candles, 0))

    def earlier(self, candles: int, measure: Formula, *args: Any) -> Numbers:
        """As `MarketView.earlier`."""
        return measure(self.past.moment(self.index - candles), *args) if candles <= self.index else nan

    def total_of(self, n: int, measure: Formula, *args: Any) -> float:
        """As `MarketView.total_of`."""
        past = self.past
        found: RunningWindows | None = past.market_running.get((measure, args))
        if found is None:
            if past.track is None:
                return float(past.view.total_of(n, measure, *args)[self.place])
            found = past.market_windows(measure, args)
        return found.over(n, self)

    def fresh(self, candles: int, state: Callable[[Any], Truths]) -> bool:
        """As `MarketView.fresh`."""
        if not state(self):
            return False
        moment, index = self.past.moment, self.index
        return candles > index or any(not state(moment(index - ago)) for ago in range(1, candles + 1))

    def highest(self, candles: int, formula: Formula, *args: float) -> Numbers:
        """As `MarketView.highest`."""
        return max(self.earlier(ago, formula, *args) for ago in range(candles))

    def lowest(self, candles: int, formula: Formula, *args: float) -> Numbers:
        """As `MarketView.lowest`."""
        return min(self.earlier(ago, formula, *args) for ago in range(candles))
