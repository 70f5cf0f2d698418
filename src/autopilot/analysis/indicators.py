"""Indicators over one symbol's candles, computed once and shared. Everything that is recursive comes from TA-Lib."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any, TypeVar

import numpy as np

from autopilot.analysis.formulas import (
    LEAST_PERIODS,
    LONGEST_EMA,
    PERIODS,
    Formula,
    IndicatorFormulas,
    remembered,
)
from autopilot.analysis.rolling import Windows, lagged, rolling_median, rolling_moments
from autopilot.domain.candles import Candles, FloatArray
from autopilot.lean_imports import held_back

with held_back():
    import talib

_smoothed, _max, _min, _handle = (
    inspect.unwrap(function) for function in (talib.EMA, talib.MAX, talib.MIN, talib.stream.EMA)
)
"""TA-Lib's own functions, without its wrapper that checks every call for data frames."""

T = TypeVar("T")


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

    def forget(self) -> None:
        """Let go of every array. One that is asked for again is computed again, with the same bits."""
        self._known.clear()

    def earlier(self, candles: int, formula: Formula, *args: float) -> FloatArray:
        return lagged(formula(self, *args), candles)

    @remembered
    def smoothed(self, n: int, formula: Formula, *args: float) -> FloatArray:
        return ema_of(formula(self, *args), n)[0]

    @remembered
    def total(self, n: int, formula: Formula, *args: float) -> FloatArray:
        return self._windows(formula, *args).over(n)

    @remembered
    def _windows(self, formula: Formula, *args: float) -> Windows:
        return Windows(formula(self, *args), np.add)

    @remembered
    def _moments(self, n: int) -> tuple[FloatArray, FloatArray]:
        mean, variance = rolling_moments(self.close, n)
        return mean, np.sqrt(variance)

    @remembered
    def highest_high(self, n: int) -> FloatArray:
        return np.asarray(_max(self.high, n))

    @remembered
    def lowest_low(self, n: int) -> FloatArray:
        return np.asarray(_min(self.low, n))

    @remembered
    def _usual_volume(self, n: int) -> FloatArray:
        usual = rolling_median(self.volume, n)
        return usual if usual.all() else np.where(usual == 0.0, self.volume_sum(n) / n, usual)

    @remembered
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
