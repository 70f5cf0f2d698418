"""Indicators over one symbol's candles, computed once and shared.

Everything that is recursive comes from TA-Lib. Sums and deviations over windows come from `rolling`, because
TA-Lib's running sums carry rounding errors from the whole past, and because TA-Lib compares sums with fixed numbers
(its MFI is zero below a money flow of 1.0, its RSI zero in a market that never moved), which is not free of scale.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from functools import cache, partial, wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from autopilot.analysis.entries import Numbers, larger, log, ratio, root, sign, smaller
from autopilot.analysis.rolling import Windows, lagged, rolling_median, rolling_moments
from autopilot.domain.candles import Candles, FloatArray
from autopilot.lean_imports import held_back

with held_back():
    import talib

_smoothed, _max, _min, _handle = (
    inspect.unwrap(function) for function in (talib.EMA, talib.MAX, talib.MIN, talib.stream.EMA)
)
"""TA-Lib's own functions, without its wrapper that checks every call for data frames."""

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", bound="IndicatorFormulas")

TINY = 1e-12
"""Relative to the price. A smaller movement counts as zero, and an oscillator is at its neutral value."""
MIN_VOLATILITY = 1e-6
"""The smallest volatility of one candle; lower values are not distinguished."""
LONGEST_EMA = 80
"""The longest EMA in which candles older than 1,000 weigh less than 1e-10; units of ATR lose one more decimal."""
VOLUME_RATIO_LIMIT = 1e3
PERIODS, LEAST_PERIODS = 29, 20
"""The number of earlier periods that a volatility is ranked among, and how many suffice near the first candle."""


def _once(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """Remember each result by method name and arguments, as given."""
    name = method.__name__

    @wraps(method)
    def remembered(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = (name, args, *kwargs.items()) if kwargs else (name, args)
        found: T | None = self._known.get(given)
        if found is None:
            found = self._known[given] = self._computed(method, args, kwargs)
        return found

    return remembered


Formula = Callable[..., Numbers]
"""Takes an `IndicatorFormulas`, and any arguments."""


class IndicatorFormulas(ABC):
    """The indicators, each formula once: over whole arrays (`Indicators`) and at one candle (`MarketMoment`).

    The formulas rest on what subclasses provide: the candle's fields, and averages, sums and extremes over earlier
    candles, whose arrays or floats have the same bits.
    """

    close: Numbers
    high: Numbers
    low: Numbers
    volume: Numbers
    _known: dict[tuple[Any, ...], Any]

    def _computed(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> T:
        """The result of a method that is called for the first time with these arguments."""
        return method(self, *args, **kwargs)

    @abstractmethod
    def earlier(self, candles: int, formula: Formula, *args: float) -> Numbers:
        """The formula's value so many candles ago, NaN before the first."""

    @abstractmethod
    def smoothed(self, n: int, formula: Formula, *args: float) -> Numbers:
        """The formula's exponential moving average. Raises ValueError beyond an ``n`` of 80."""

    @abstractmethod
    def total(self, n: int, formula: Formula, *args: float) -> Numbers:
        """The formula's sum over the last ``n`` candles."""

    @abstractmethod
    def _moments(self, n: int) -> tuple[Numbers, Numbers]:
        """Mean and population standard deviation of the close."""

    @abstractmethod
    def highest_high(self, n: int) -> Numbers:
        """Highest high of the last ``n`` candles."""

    @abstractmethod
    def lowest_low(self, n: int) -> Numbers:
        """Lowest low of the last ``n`` candles."""

    @abstractmethod
    def _usual_volume(self, n: int) -> Numbers:
        """Median of the volume, or its mean where the median is zero."""

    @abstractmethod
    def volatility_rank(self) -> Numbers:
        """Rank of the volatility of the last 24 candles among the 29 periods of 24 candles before: 0 lowest, 1 highest.
        Adjacent periods are nearly independent, so that 29 of them are as good as all 696 overlapping ones. The first
        720 candles are ranked among the periods before them, from 20 periods (504 candles) on."""

    @_once
    def sma(self, n: int) -> Numbers:
        """Simple moving average of the close."""
        return self.total(n, close_of) / n

    @_once
    def ema(self, n: int) -> Numbers:
        """Exponential moving average of the close. Raises ValueError beyond 80."""
        return self.smoothed(n, close_of)

    @_once
    def log_close(self) -> Numbers:
        """ln(close)."""
        return log(self.close)

    @_once
    def log_return(self) -> Numbers:
        """ln(close / close before); the first is NaN."""
        return self.log_close() - self.earlier(1, IndicatorFormulas.log_close)

    @_once
    def roc(self, n: int) -> Numbers:
        """Rate of change over ``n`` candles as a fraction: 0.01 is 1 %."""
        return self.close / self.earlier(n, close_of) - 1.0

    @_once
    def rsi(self, n: int = 14) -> Numbers:
        """Relative strength index (Wilder 1978), 0..100; 50 in a market that does not move."""
        tiny = TINY * self.close
        gain, loss = self._wilder(n, _gain), self._wilder(n, _loss)
        return 100.0 * (gain + tiny) / (gain + loss + 2.0 * tiny)

    @_once
    def true_range(self) -> Numbers:
        """True range: the candle's range including the gap from the close before it; the first is NaN."""
        before = self.earlier(1, close_of)
        return larger(before, self.high) - smaller(before, self.low)

    @_once
    def atr(self, n: int = 14) -> Numbers:
        """Average true range (Wilder 1978), in quote currency; 0 in a market that does not move."""
        return self._wilder(n, IndicatorFormulas.true_range)

    @_once
    def adx(self, n: int = 14) -> Numbers:
        """Average directional movement index (Wilder 1978), 0..100: strength of a trend; 0 without movement."""
        return self._wilder(n, _directional_index, n)

    @_once
    def plus_di(self, n: int = 14) -> Numbers:
        """Upward directional movement in percent of the true range."""
        return 100.0 * self._wilder(n, _plus_movement) / (self.atr(n) + TINY * self.close)

    @_once
    def minus_di(self, n: int = 14) -> Numbers:
        """Downward directional movement in percent of the true range."""
        return 100.0 * self._wilder(n, _minus_movement) / (self.atr(n) + TINY * self.close)

    @_once
    def macd(self, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Numbers, Numbers, Numbers]:
        """(macd, signal line, histogram), in quote currency (Appel)."""
        line = _macd_line(self, fast, slow)
        smooth = self.smoothed(signal, _macd_line, fast, slow)
        return line, smooth, line - smooth

    @_once
    def bollinger(self, n: int = 20, k: float = 2.0) -> tuple[Numbers, Numbers, Numbers]:
        """(upper, middle, lower): mean of the close and ``k`` population standard deviations around it."""
        middle, deviation = self._moments(n)
        return middle + k * deviation, middle, middle - k * deviation

    @_once
    def bollinger_position(self, n: int = 20, k: float = 2.0) -> Numbers:
        """%b: 0 at the lower band, 1 at the upper band, outside [0, 1] beyond them; 0.5 without a spread."""
        return 0.5 + self.zscore(n) / (2.0 * k)

    @_once
    def bollinger_width(self, n: int = 20, k: float = 2.0) -> Numbers:
        """Distance between the bands, over the middle band."""
        middle, deviation = self._moments(n)
        return 2.0 * k * deviation / middle

    @_once
    def zscore(self, n: int) -> Numbers:
        """The close's distance from its mean in standard deviations; 0 without a spread."""
        middle, deviation = self._moments(n)
        return (self.close - middle) / (deviation + TINY * middle)

    @_once
    def donchian(self, n: int) -> tuple[Numbers, Numbers]:
        """(highest high, lowest low) of the ``n`` candles before the present one, so that it can break out of them."""
        return self.earlier(1, _highest_high, n), self.earlier(1, _lowest_low, n)

    @_once
    def fast_stochastic(self, n: int = 14) -> Numbers:
        """%K of `stochastic`."""
        high, low = self.highest_high(n), self.lowest_low(n)
        tiny = TINY * self.close
        return 100.0 * (self.close - low + tiny) / (high - low + 2.0 * tiny)

    @_once
    def stochastic(self, k: int = 14, d: int = 3) -> tuple[Numbers, Numbers]:
        """(%K, %D), 0..100: the close within the range of the last ``k`` candles, and its mean over ``d``; 50 when
        there is no range."""
        return self.fast_stochastic(k), self.total(d, IndicatorFormulas.fast_stochastic, k) / d

    @_once
    def mfi(self, n: int = 14) -> Numbers:
        """Money flow index, 0..100: the share of traded value at a rising typical price; 50 without trades or without
        movement."""
        return 50.0 + 50.0 * ratio(self.total(n, _signed_flow), self.total(n, _flow), 0.0)

    @_once
    def obv_slope(self, n: int) -> Numbers:
        """Change of the on-balance volume over ``n`` candles in units of the volume traded in them: −1..1; 0 without
        trades."""
        return ratio(self.total(n, _signed_volume), self.volume_sum(n), 0.0)

    @_once
    def volume_sum(self, n: int) -> Numbers:
        """Volume of the last ``n`` candles, in base currency."""
        return self.total(n, volume_of)

    @_once
    def volatility(self, n: int = 24) -> Numbers:
        """Standard deviation of one candle's log return over the last ``n``."""
        mean = self.total(n, IndicatorFormulas.log_return) / n
        square = self.total(n, _squared_return) / n
        return root(larger(square - mean * mean, 0.0))

    @_once
    def volatility_ratio(self, n: int = 24, past: int = 168) -> Numbers:
        """Volatility over the last ``n`` candles in units of that over the last ``past``; 1 in a still market."""
        return (self.volatility(n) + MIN_VOLATILITY) / (self.volatility(past) + MIN_VOLATILITY)

    @_once
    def volume_ratio(self, n: int = 48) -> Numbers:
        """Volume over its median of the last ``n`` candles, this one included; over the mean if the median is zero; 1
        without trades."""
        return smaller(ratio(self.volume, self._usual_volume(n), 1.0), VOLUME_RATIO_LIMIT)

    @_once
    def efficiency(self, n: int) -> Numbers:
        """Kaufman's efficiency ratio, 0..1: net change of the close over the sum of its changes; 0 without movement."""
        traveled = self.total(n, _way)
        return smaller(abs(self.close - self.earlier(n, close_of)) / (traveled + TINY * self.close), 1.0)

    def _wilder(self, n: int, formula: Formula, *args: float) -> Numbers:
        """Wilder's smoothing over ``n``, computed as an EMA of 2n − 1; they differ only in the seed, which decays."""
        return self.smoothed(2 * n - 1, formula, *args)


class Indicators(IndicatorFormulas):
    """Arrays float64[n], one entry per candle, NaN until the indicator's warm-up is over; read-only and computed once.

    An entry depends on at most 720 candles, or, where it is recursive, on a past that has decayed below 1e-9 within
    1,000 candles: no EMA above 80, no Wilder smoothing above 40; use `sma` for longer periods. A market that does not
    move or trade gives neutral values, never NaN.
    """

    def __init__(self, candles: Candles) -> None:
        self.candles = candles
        self.close, self.high, self.low, self.volume = candles.close, candles.high, candles.low, candles.volume
        self._known = {}

    def _computed(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> T:
        """Read-only, and the same for all spellings of a call: with the defaults given or not."""
        full = (
            method.__name__,
            (*args, *(kwargs.get(name, default) for name, default in _defaults(method)[len(args) :])),
        )
        found: T | None = self._known.get(full)
        if found is None:
            found = self._known[full] = _frozen(method(self, *args, **kwargs))
        return found

    def earlier(self, candles: int, formula: Formula, *args: float) -> FloatArray:
        return lagged(formula(self, *args), candles)

    @_once
    def smoothed(self, n: int, formula: Formula, *args: float) -> FloatArray:
        return ema_of(formula(self, *args), n)[0]

    @_once
    def total(self, n: int, formula: Formula, *args: float) -> FloatArray:
        return self._windows(formula, *args).over(n)

    @_once
    def _windows(self, formula: Formula, *args: float) -> Windows:
        return Windows(formula(self, *args), np.add)

    @_once
    def _moments(self, n: int) -> tuple[FloatArray, FloatArray]:
        mean, variance = rolling_moments(self.close, n)
        return mean, np.sqrt(variance)

    @_once
    def highest_high(self, n: int) -> FloatArray:
        return np.asarray(_max(self.high, n))

    @_once
    def lowest_low(self, n: int) -> FloatArray:
        return np.asarray(_min(self.low, n))

    @_once
    def _usual_volume(self, n: int) -> FloatArray:
        usual = rolling_median(self.volume, n)
        return usual if usual.all() else np.where(usual == 0.0, self.volume_sum(n) / n, usual)

    @_once
    def volatility_rank(self) -> FloatArray:
        volatility = self.volatility(24)
        length, first = len(volatility), 24 * (LEAST_PERIODS + 1)
        rank = np.full(length, np.nan)
        if length > first:
            # A period before the first candle is NaN: neither lower nor higher.
            reaching = np.concatenate([np.full(24 * (PERIODS - LEAST_PERIODS - 1), np.nan), volatility])
            rows, now = length - first, volatility[first:]
            past = np.stack([reaching[24 * (PERIODS - back) :][:rows] for back in range(1, PERIODS + 1)])
            lower, higher = (side.view(np.int8).sum(axis=0, dtype=np.int8) for side in (past < now, past > now))
            periods = np.minimum(np.arange(first, length) // 24 - 1, PERIODS)
            rank[first:] = 0.5 + (lower - higher) / (2.0 * periods)
        return rank


@cache
def _defaults(method: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The method's arguments after the first, with their defaults."""
    return [(each.name, each.default) for each in inspect.signature(method).parameters.values()][1:]


def _frozen(result: T) -> T:
    """The array, read-only because it is shared."""
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return result


def ema_of(series: FloatArray, n: int) -> tuple[FloatArray, Callable[[], Any]]:
    """The series' exponential moving average, and what makes TA-Lib's handle on it: ``handle.update(number)`` is the
    next entry. Raises ValueError beyond an ``n`` of 80."""
    if n > LONGEST_EMA:
        raise ValueError(f"an EMA of {n} remembers more than 1,000 candles; take an SMA, or at most {LONGEST_EMA}")
    return np.asarray(_smoothed(series, n)), partial(_handle, series, n)


def close_of(of: IndicatorFormulas) -> Numbers:
    return of.close


def volume_of(of: IndicatorFormulas) -> Numbers:
    return of.volume


def _step(of: IndicatorFormulas) -> Numbers:
    return of.close - of.earlier(1, close_of)


def _gain(of: IndicatorFormulas) -> Numbers:
    return larger(_step(of), 0.0)


def _loss(of: IndicatorFormulas) -> Numbers:
    return larger(-_step(of), 0.0)


def _way(of: IndicatorFormulas) -> Numbers:
    return abs(_step(of))


def high_of(of: IndicatorFormulas) -> Numbers:
    return of.high


def low_of(of: IndicatorFormulas) -> Numbers:
    return of.low


def _highest_high(of: IndicatorFormulas, n: int) -> Numbers:
    return of.highest_high(n)


def _lowest_low(of: IndicatorFormulas, n: int) -> Numbers:
    return of.lowest_low(n)


def _plus_movement(of: IndicatorFormulas) -> Numbers:
    up, down = of.high - of.earlier(1, high_of), -(of.low - of.earlier(1, low_of))
    return larger(up, 0.0) * (up > down)


def _minus_movement(of: IndicatorFormulas) -> Numbers:
    up, down = of.high - of.earlier(1, high_of), -(of.low - of.earlier(1, low_of))
    return larger(down, 0.0) * (down > up)


def _directional_index(of: IndicatorFormulas, n: int) -> Numbers:
    plus, minus = of.plus_di(n), of.minus_di(n)
    return 100.0 * abs(plus - minus) / (plus + minus + 1e-9)


def _macd_line(of: IndicatorFormulas, fast: int, slow: int) -> Numbers:
    return of.ema(fast) - of.ema(slow)


def _squared_return(of: IndicatorFormulas) -> Numbers:
    step = of.log_return()
    return step * step


def _signed_volume(of: IndicatorFormulas) -> Numbers:
    return sign(of.log_return()) * of.volume


def _typical(of: IndicatorFormulas) -> Numbers:
    return (of.high + of.low + of.close) / 3.0


def _signed_flow(of: IndicatorFormulas) -> Numbers:
    typical = _typical(of)
    return typical * of.volume * sign(typical - of.earlier(1, _typical))


def _flow(of: IndicatorFormulas) -> Numbers:
    return abs(_signed_flow(of))
