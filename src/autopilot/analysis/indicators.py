"""Indicators over one symbol's candles, computed once and shared.

Everything that is recursive comes from TA-Lib. Sums and deviations over windows come from `rolling`, because
TA-Lib's running sums carry rounding errors from the whole past, and because TA-Lib compares sums with fixed numbers
(its MFI is zero below a money flow of 1.0, its RSI zero in a market that never moved), which is not free of scale.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

import numpy as np

from autopilot.analysis.rolling import (
    Windows,
    change,
    lagged,
    rolling_mean,
    rolling_median,
    rolling_moments,
    rolling_sum,
    std_of,
)
from autopilot.domain.candles import Candles, FloatArray
from autopilot.lean_imports import held_back

with held_back():
    import talib

_smoothed, _highest, _lowest = (inspect.unwrap(function) for function in (talib.EMA, talib.MAX, talib.MIN))
"""TA-Lib's own functions, without its wrapper that checks every call for data frames."""

P = ParamSpec("P")
T = TypeVar("T")

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
    method: Callable[Concatenate[Indicators, P], T],
) -> Callable[Concatenate[Indicators, P], T]:
    """Cache each result by method name and arguments, both as given (fast to look up) and with defaults filled in (the
    same for all spellings of a call)."""
    parameters = list(inspect.signature(method).parameters.values())[1:]
    name = method.__name__

    @wraps(method)
    def remembered(self: Indicators, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = (name, args, *kwargs.items()) if kwargs else (name, args)
        found: T | None = self._known.get(given)
        if found is None:
            rest = [kwargs.get(parameter.name, parameter.default) for parameter in parameters[len(args) :]]
            full = (name, (*args, *rest))
            found = self._known.get(full)
            if found is None:
                found = _frozen(method(self, *args, **kwargs))
            self._known[given] = self._known[full] = found
        return found

    return remembered


def _frozen(result: T) -> T:
    """The array, read-only because it is shared."""
    for array in result if isinstance(result, tuple) else (result,):
        if isinstance(array, np.ndarray):
            array.setflags(write=False)
    return result


class Indicators:
    """Arrays float64[n], one entry per candle, NaN until the indicator's warm-up is over; read-only and computed once.

    An entry depends on at most 720 candles, or, where it is recursive, on a past that has decayed below 1e-9 within
    1,000 candles: no EMA above 80, no Wilder smoothing above 40; use `sma` for longer periods. A market that does not
    move or trade gives neutral values, never NaN.
    """

    def __init__(self, candles: Candles) -> None:
        self.candles = candles
        self._known: dict[tuple[Any, ...], Any] = {}

    @_once
    def sma(self, n: int) -> FloatArray:
        """Simple moving average of the close."""
        return self._close_windows().over(n) / n

    @_once
    def _close_windows(self) -> Windows:
        return Windows(self.candles.close, np.add)

    @_once
    def ema(self, n: int) -> FloatArray:
        """Exponential moving average of the close. Raises ValueError beyond 80."""
        return _ema(self.candles.close, n)

    @_once
    def log_return(self) -> FloatArray:
        """ln(close / close before); the first is NaN."""
        return change(np.log(self.candles.close))

    @_once
    def roc(self, n: int) -> FloatArray:
        """Rate of change over ``n`` candles as a fraction: 0.01 is 1 %."""
        return self.candles.close / lagged(self.candles.close, n) - 1.0

    @_once
    def rsi(self, n: int = 14) -> FloatArray:
        """Relative strength index (Wilder 1978), 0..100; 50 in a market that does not move."""
        step = change(self.candles.close)
        tiny = TINY * self.candles.close
        gain = _wilder(np.maximum(step, 0.0), n)
        loss = _wilder(np.maximum(-step, 0.0), n)
        return 100.0 * (gain + tiny) / (gain + loss + 2.0 * tiny)

    @_once
    def true_range(self) -> FloatArray:
        """True range: the candle's range including the gap from the close before it; the first is NaN."""
        before = lagged(self.candles.close, 1)
        return np.maximum(self.candles.high, before) - np.minimum(self.candles.low, before)

    @_once
    def atr(self, n: int = 14) -> FloatArray:
        """Average true range (Wilder 1978), in quote currency; 0 in a market that does not move."""
        return _wilder(self.true_range(), n)

    @_once
    def adx(self, n: int = 14) -> FloatArray:
        """Average directional movement index (Wilder 1978), 0..100: strength of a trend; 0 without movement."""
        plus, minus = self.plus_di(n), self.minus_di(n)
        return _wilder(100.0 * np.abs(plus - minus) / (plus + minus + 1e-9), n)

    @_once
    def plus_di(self, n: int = 14) -> FloatArray:
        """Upward directional movement in percent of the true range."""
        return self._directional(n)[0]

    @_once
    def minus_di(self, n: int = 14) -> FloatArray:
        """Downward directional movement in percent of the true range."""
        return self._directional(n)[1]

    @_once
    def _directional(self, n: int) -> tuple[FloatArray, FloatArray]:
        up = change(self.candles.high)
        down = -change(self.candles.low)
        plus = _wilder(np.maximum(up, 0.0) * (up > down), n)
        minus = _wilder(np.maximum(down, 0.0) * (down > up), n)
        span = self.atr(n) + TINY * self.candles.close
        return 100.0 * plus / span, 100.0 * minus / span

    @_once
    def macd(self, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(macd, signal line, histogram), in quote currency (Appel)."""
        line = self.ema(fast) - self.ema(slow)
        smooth = _ema(line, signal)
        return line, smooth, line - smooth

    @_once
    def bollinger(self, n: int = 20, k: float = 2.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(upper, middle, lower): mean of the close and ``k`` population standard deviations around it."""
        middle, deviation = self._moments(n)
        return middle + k * deviation, middle, middle - k * deviation

    @_once
    def bollinger_position(self, n: int = 20, k: float = 2.0) -> FloatArray:
        """%b: 0 at the lower band, 1 at the upper band, outside [0, 1] beyond them; 0.5 without a spread."""
        return 0.5 + self.zscore(n) / (2.0 * k)

    @_once
    def bollinger_width(self, n: int = 20, k: float = 2.0) -> FloatArray:
        """Distance between the bands, over the middle band."""
        middle, deviation = self._moments(n)
        return 2.0 * k * deviation / middle

    @_once
    def zscore(self, n: int) -> FloatArray:
        """The close's distance from its mean in standard deviations; 0 without a spread."""
        middle, deviation = self._moments(n)
        return (self.candles.close - middle) / (deviation + TINY * middle)

    @_once
    def _moments(self, n: int) -> tuple[FloatArray, FloatArray]:
        mean, variance = rolling_moments(self.candles.close, n)
        return mean, np.sqrt(variance)

    @_once
    def donchian(self, n: int) -> tuple[FloatArray, FloatArray]:
        """(highest high, lowest low) of the ``n`` candles before the present one, so that it can break out of them."""
        high, low = self._extremes(n)
        return lagged(high, 1), lagged(low, 1)

    @_once
    def _extremes(self, n: int) -> tuple[FloatArray, FloatArray]:
        return _highest(self.candles.high, n), _lowest(self.candles.low, n)

    @_once
    def stochastic(self, k: int = 14, d: int = 3) -> tuple[FloatArray, FloatArray]:
        """(%K, %D), 0..100: the close within the range of the last ``k`` candles, and its mean over ``d``; 50 when
        there is no range."""
        high, low = self._extremes(k)
        tiny = TINY * self.candles.close
        fast = 100.0 * (self.candles.close - low + tiny) / (high - low + 2.0 * tiny)
        return fast, rolling_mean(fast, d)

    @_once
    def mfi(self, n: int = 14) -> FloatArray:
        """Money flow index, 0..100: the share of traded value at a rising typical price; 50 without trades or without
        movement."""
        typical = (self.candles.high + self.candles.low + self.candles.close) / 3.0
        step = change(typical)
        flow = typical * self.candles.volume
        signed = flow * np.sign(step)
        return 50.0 + 50.0 * _ratio(rolling_sum(signed, n), rolling_sum(np.abs(signed), n), 0.0)

    @_once
    def obv_slope(self, n: int) -> FloatArray:
        """Change of the on-balance volume over ``n`` candles in units of the volume traded in them: −1..1; 0 without
        trades."""
        signed, volume = self._volume_sums(n)
        return _ratio(signed, volume, 0.0)

    @_once
    def volume_sum(self, n: int) -> FloatArray:
        """Volume of the last ``n`` candles, in base currency."""
        return np.asarray(self._volume_sums(n)[1])

    @_once
    def _volume_sums(self, n: int) -> FloatArray:
        """Sums of volume signed by its candle's return, and of volume."""
        return self._volume_windows().over(n)

    @_once
    def _volume_windows(self) -> Windows:
        volume = self.candles.volume
        return Windows(np.array((np.sign(self.log_return()) * volume, volume)), np.add)

    @_once
    def volatility(self, n: int = 24) -> FloatArray:
        """Standard deviation of one candle's log return over the last ``n``."""
        return std_of(self._return_windows().over(n), n)

    @_once
    def _return_windows(self) -> Windows:
        returns = self.log_return()
        return Windows(np.array((returns, returns * returns)), np.add)

    @_once
    def volatility_ratio(self, n: int = 24, past: int = 168) -> FloatArray:
        """Volatility over the last ``n`` candles in units of that over the last ``past``; 1 in a still market."""
        return (self.volatility(n) + MIN_VOLATILITY) / (self.volatility(past) + MIN_VOLATILITY)

    @_once
    def volatility_rank(self) -> FloatArray:
        """Rank of the volatility of the last 24 candles among the 29 periods of 24 candles before: 0 lowest, 1 highest.
        Adjacent periods are nearly independent, so that 29 of them are as good as all 696 overlapping ones. The first
        720 candles are ranked among the periods before them, from 20 periods (504 candles) on."""
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

    @_once
    def volume_ratio(self, n: int = 48) -> FloatArray:
        """Volume over its median of the last ``n`` candles, this one included; over the mean if the median is zero; 1
        without trades."""
        volume = self.candles.volume
        usual = rolling_median(volume, n)
        if not usual.all():
            usual = np.where(usual == 0.0, self.volume_sum(n) / n, usual)
        return np.minimum(_ratio(volume, usual, 1.0), VOLUME_RATIO_LIMIT)

    @_once
    def efficiency(self, n: int) -> FloatArray:
        """Kaufman's efficiency ratio, 0..1: net change of the close over the sum of its changes; 0 without movement."""
        close = self.candles.close
        traveled = self._way_windows().over(n)
        return np.minimum(np.abs(close - lagged(close, n)) / (traveled + TINY * close), 1.0)

    @_once
    def _way_windows(self) -> Windows:
        return Windows(np.abs(change(self.candles.close)), np.add)


def _ema(series: FloatArray, n: int) -> FloatArray:
    if n > LONGEST_EMA:
        raise ValueError(f"an EMA of {n} remembers more than 1,000 candles; take an SMA, or at most {LONGEST_EMA}")
    return np.asarray(_smoothed(series, n))


def _wilder(series: FloatArray, n: int) -> FloatArray:
    """Wilder's smoothing over ``n``, computed as an EMA of 2n − 1; they differ only in the seed, which decays."""
    return _ema(series, 2 * n - 1)


def _ratio(part: FloatArray, whole: FloatArray, neutral: float) -> FloatArray:
    """``part / whole``; ``neutral`` if the whole is zero, NaN if it is NaN."""
    nothing = whole == 0.0
    return np.where(nothing, neutral, part / np.where(nothing, 1.0, whole))
