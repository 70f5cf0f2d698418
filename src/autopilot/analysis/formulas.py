"""The indicators, each formula written once: over whole arrays and at one candle (`entries`).

Sums and deviations over windows come from `rolling` and not from TA-Lib, whose running sums carry rounding errors from
the whole past, and which compares sums with fixed numbers (its MFI is zero below a money flow of 1.0, its RSI zero in a
market that never moved), which is not free of scale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from autopilot.analysis.entries import Numbers, larger, log, quotient, root, sign, smaller

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


def remembered(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """Remember each result by method name and arguments, as given."""
    name = method.__name__

    @wraps(method)
    def known(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = (name, args, *kwargs.items()) if kwargs else (name, args)
        found: T | None = self._known.get(given)
        if found is None:
            found = self._known[given] = self._computed(method, args, kwargs)
        return found

    return known


Formula = Callable[..., Numbers]
"""Takes an `IndicatorFormulas`, and any arguments."""


class Earlier(Protocol):
    """What the formulas rest on at a candle, or at every candle: its fields, and averages, sums and extremes over
    earlier candles."""

    close: Numbers
    high: Numbers
    low: Numbers
    volume: Numbers

    def earlier(self, candles: int, formula: Formula, *args: float) -> Numbers:
        """The formula's value so many candles ago, NaN before the first."""
        ...

    def smoothed(self, n: int, formula: Formula, *args: float) -> Numbers:
        """The formula's exponential moving average. Raises ValueError beyond an ``n`` of 80."""
        ...

    def total(self, n: int, formula: Formula, *args: float) -> Numbers:
        """The formula's sum over the last ``n`` candles."""
        ...

    def _moments(self, n: int) -> tuple[Numbers, Numbers]:
        """Mean and population standard deviation of the close."""
        ...

    def highest_high(self, n: int) -> Numbers:
        """Highest high of the last ``n`` candles."""
        ...

    def lowest_low(self, n: int) -> Numbers:
        """Lowest low of the last ``n`` candles."""
        ...

    def _usual_volume(self, n: int) -> Numbers:
        """Median of the volume, or its mean where the median is zero."""
        ...

    def volatility_rank(self) -> Numbers:
        """Rank of the volatility of the last 24 candles among the 29 periods of 24 candles before: 0 lowest, 1 highest.
        Adjacent periods are nearly independent, so that 29 of them are as good as all 696 overlapping ones. The first
        720 candles are ranked among the periods before them, from 20 periods (504 candles) on."""
        ...


class IndicatorFormulas(Earlier):
    """The indicators, each formula once: over whole arrays (`Indicators`) and at one candle (`IndicatorsAt`).

    Both provide what the formulas rest on, with the same bits.
    """

    _known: dict[tuple[Any, ...], Any]

    def _computed(self, method: Callable[..., T], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> T:
        """The result of a method that is called for the first time with these arguments."""
        return method(self, *args, **kwargs)

    @remembered
    def sma(self, n: int) -> Numbers:
        """Simple moving average of the close."""
        return self.total(n, close_of) / n

    @remembered
    def ema(self, n: int) -> Numbers:
        """Exponential moving average of the close. Raises ValueError beyond 80."""
        return self.smoothed(n, close_of)

    @remembered
    def log_close(self) -> Numbers:
        """ln(close)."""
        return log(self.close)

    @remembered
    def log_return(self) -> Numbers:
        """ln(close / close before); the first is NaN."""
        return self.log_close() - self.earlier(1, IndicatorFormulas.log_close)

    @remembered
    def roc(self, n: int) -> Numbers:
        """Rate of change over ``n`` candles as a fraction: 0.01 is 1 %."""
        return self.close / self.earlier(n, close_of) - 1.0

    @remembered
    def rsi(self, n: int = 14) -> Numbers:
        """Relative strength index (Wilder 1978), 0..100; 50 in a market that does not move."""
        tiny = TINY * self.close
        gain, loss = self._wilder(n, _gain), self._wilder(n, _loss)
        return 100.0 * (gain + tiny) / (gain + loss + 2.0 * tiny)

    @remembered
    def true_range(self) -> Numbers:
        """True range: the candle's range including the gap from the close before it; the first is NaN."""
        before = self.earlier(1, close_of)
        return larger(before, self.high) - smaller(before, self.low)

    @remembered
    def atr(self, n: int = 14) -> Numbers:
        """Average true range (Wilder 1978), in quote currency; 0 in a market that does not move."""
        return self._wilder(n, IndicatorFormulas.true_range)

    @remembered
    def adx(self, n: int = 14) -> Numbers:
        """Average directional movement index (Wilder 1978), 0..100: strength of a trend; 0 without movement."""
        return self._wilder(n, _directional_index, n)

    @remembered
    def plus_di(self, n: int = 14) -> Numbers:
        """Upward directional movement in percent of the true range."""
        return 100.0 * self._wilder(n, _plus_movement) / (self.atr(n) + TINY * self.close)

    @remembered
    def minus_di(self, n: int = 14) -> Numbers:
        """Downward directional movement in percent of the true range."""
        return 100.0 * self._wilder(n, _minus_movement) / (self.atr(n) + TINY * self.close)

    @remembered
    def macd(self, fast: int = 12, slow: int = 26, signal: int = 9) -> tuple[Numbers, Numbers, Numbers]:
        """(macd, signal line, histogram), in quote currency (Appel)."""
        line = _macd_line(self, fast, slow)
        smooth = self.smoothed(signal, _macd_line, fast, slow)
        return line, smooth, line - smooth

    @remembered
    def bollinger(self, n: int = 20, k: float = 2.0) -> tuple[Numbers, Numbers, Numbers]:
        """(upper, middle, lower): mean of the close and ``k`` population standard deviations around it."""
        middle, deviation = self._moments(n)
        return middle + k * deviation, middle, middle - k * deviation

    @remembered
    def bollinger_position(self, n: int = 20, k: float = 2.0) -> Numbers:
        """%b: 0 at the lower band, 1 at the upper band, outside [0, 1] beyond them; 0.5 without a spread."""
        return 0.5 + self.zscore(n) / (2.0 * k)

    @remembered
    def bollinger_width(self, n: int = 20, k: float = 2.0) -> Numbers:
        """Distance between the bands, over the middle band."""
        middle, deviation = self._moments(n)
        return 2.0 * k * deviation / middle

    @remembered
    def zscore(self, n: int) -> Numbers:
        """The close's distance from its mean in standard deviations; 0 without a spread."""
        middle, deviation = self._moments(n)
        return (self.close - middle) / (deviation + TINY * middle)

    @remembered
    def donchian(self, n: int) -> tuple[Numbers, Numbers]:
        """(highest high, lowest low) of the ``n`` candles before the present one, so that it can break out of them."""
        return self.earlier(1, _highest_high, n), self.earlier(1, _lowest_low, n)

    @remembered
    def fast_stochastic(self, n: int = 14) -> Numbers:
        """%K of `stochastic`."""
        high, low = self.highest_high(n), self.lowest_low(n)
        tiny = TINY * self.close
        return 100.0 * (self.close - low + tiny) / (high - low + 2.0 * tiny)

    @remembered
    def stochastic(self, k: int = 14, d: int = 3) -> tuple[Numbers, Numbers]:
        """(%K, %D), 0..100: the close within the range of the last ``k`` candles, and its mean over ``d``; 50 when
        there is no range."""
        return self.fast_stochastic(k), self.total(d, IndicatorFormulas.fast_stochastic, k) / d

    @remembered
    def mfi(self, n: int = 14) -> Numbers:
        """Money flow index, 0..100: the share of traded value at a rising typical price; 50 without trades or without
        movement."""
        return 50.0 + 50.0 * quotient(self.total(n, _signed_flow), self.total(n, _flow), 0.0)

    @remembered
    def obv_slope(self, n: int) -> Numbers:
        """Change of the on-balance volume over ``n`` candles in units of the volume traded in them: −1..1; 0 without
        trades."""
        return quotient(self.total(n, _signed_volume), self.volume_sum(n), 0.0)

    @remembered
    def volume_sum(self, n: int) -> Numbers:
        """Volume of the last ``n`` candles, in base currency."""
        return self.total(n, volume_of)

    @remembered
    def volatility(self, n: int = 24) -> Numbers:
        """Standard deviation of one candle's log return over the last ``n``."""
        mean = self.total(n, IndicatorFormulas.log_return) / n
        square = self.total(n, _squared_return) / n
        return root(larger(square - mean * mean, 0.0))

    @remembered
    def volatility_ratio(self, n: int = 24, past: int = 168) -> Numbers:
        """Volatility over the last ``n`` candles in units of that over the last ``past``; 1 in a still market."""
        return (self.volatility(n) + MIN_VOLATILITY) / (self.volatility(past) + MIN_VOLATILITY)

    @remembered
    def volume_ratio(self, n: int = 48) -> Numbers:
        """Volume over its median of the last ``n`` candles, this one included; over the mean if the median is zero; 1
        without trades."""
        return smaller(quotient(self.volume, self._usual_volume(n), 1.0), VOLUME_RATIO_LIMIT)

    @remembered
    def efficiency(self, n: int) -> Numbers:
        """Kaufman's efficiency ratio, 0..1: net change of the close over the sum of its changes; 0 without movement."""
        traveled = self.total(n, _way)
        return smaller(abs(self.close - self.earlier(n, close_of)) / (traveled + TINY * self.close), 1.0)

    def _wilder(self, n: int, formula: Formula, *args: float) -> Numbers:
        """Wilder's smoothing over ``n``, computed as an EMA of 2n − 1; they differ only in the seed, which decays."""
        return self.smoothed(2 * n - 1, formula, *args)


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
