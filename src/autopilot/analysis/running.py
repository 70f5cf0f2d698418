"""Averages, sums and extremes that one candle advances, with the bits of the same over whole arrays.

Each keeps its values by candle, and takes the candle's value of its formula when it is first asked for it.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from math import nan, sqrt
from typing import Protocol

import numpy as np

from autopilot.analysis.formulas import Formula
from autopilot.analysis.indicators import ema_of
from autopilot.analysis.rolling import Windows, join_moments, numbers, powers_of
from autopilot.domain.candles import FloatArray


class AtCandle(Protocol):
    """The indicators or the market at one candle."""

    index: int


class RunningValues:
    """A formula's values. ``series``: those known; ``first``: the index of the candle of the first one."""

    def __init__(self, series: FloatArray, first: int, formula: Formula, args: Sequence[float]) -> None:
        self.values = numbers(series)
        self._first = first
        self._formula = formula
        self._args = args

    def position(self, moment: AtCandle) -> int:
        """The candle's position in ``values``, with this candle's value taken."""
        position = moment.index - self._first
        if position == len(self.values):
            self._append(self._formula(moment, *self._args))
        return position

    def at(self, moment: AtCandle) -> float:
        return self.values[self.position(moment)]

    def _append(self, value: float) -> None:
        self.values.append(value)


class RunningAverage(RunningValues):
    """The exponential moving average over ``n`` of a formula's values."""

    def __init__(self, series: FloatArray, first: int, formula: Formula, args: Sequence[float], n: int) -> None:
        average, handle = ema_of(series, n)
        super().__init__(average, first, formula, args)
        self._update: Callable[[float], float] = handle().update

    def _append(self, value: float) -> None:
        self.values.append(self._update(value))


REACH = 64
"""Candles before the newest one at which windows are read from what is kept. At older ones they are joined again."""
_Part = tuple["array[float]", int]
"""A level of windows, and how far before a candle's position its entry is."""


class RunningWindows(RunningValues):
    """A formula's values folded over windows of any length, joined from the same halves as in `rolling.Windows`."""

    def __init__(
        self,
        series: FloatArray,
        first: int,
        formula: Formula,
        args: Sequence[float],
        fold: tuple[np.ufunc, Callable[[float, float], float]],
    ) -> None:
        super().__init__(series, first, formula, args)
        self._fold_arrays, self._fold = fold
        self._levels = [self.values]
        """At position p, the entry of a candle folds the 2**p values that end with it. Those that no window of a length
        asked for needs at a candle of `REACH` are left out, but for the values themselves."""
        self._parts: dict[int, tuple[int, _Part, tuple[_Part, ...]]] = {}
        """By length of the windows: the first position at which the levels know theirs, and the parts of each, from its
        first candle to its last."""

    def over(self, n: int, moment: AtCandle) -> float:
        """The fold of the last ``n`` values; NaN if there are fewer."""
        position = moment.index - self._first
        if position == len(self.values):
            self._append(self._formula(moment, *self._args))
        least, (level, back), others = self._parts.get(n) or self._divided(n)
        if position < least:
            return nan if position + 1 < n else self._joined(n, position)
        folded = level[position - back]
        for level, back in others:
            folded = self._fold(folded, level[position - back])
        return folded

    def _append(self, value: float) -> None:
        fold, half, below = self._fold, 1, self.values
        below.append(value)
        for level in self._levels[1:]:
            value = fold(below[-1 - half], value)
            level.append(value)
            below, half = level, 2 * half

    def _joined(self, n: int, position: int) -> float:
        """The fold of the values up to an older candle."""
        return float(Windows(np.array(self.values[position + 1 - n : position + 1]), self._fold_arrays).over(n)[-1])

    def _divided(self, n: int) -> tuple[int, _Part, tuple[_Part, ...]]:
        """Make the levels for windows of this length too."""
        divided = {length: _places(length) for length in (*self._parts, n)}
        level = np.array(self.values)
        self._levels = [self.values]
        for place in range(1, max(divided).bit_length()):
            half, below = 1 << (place - 1), level
            level = np.full(len(below), np.nan)
            self._fold_arrays(below[:-half], below[half:], out=level[half:])
            furthest = max(2 * half, *(places.get(place, 0) for places in divided.values()))
            self._levels.append(numbers(level[-furthest - REACH :]))
        self._parts = {length: self._part(length, places) for length, places in divided.items()}
        return self._parts[n]

    def _part(self, n: int, places: Mapping[int, int]) -> tuple[int, _Part, tuple[_Part, ...]]:
        known = len(self.values)
        levels = ((self._levels[place], back) for place, back in places.items())
        parts = [(level, back + known - len(level)) for level, back in levels]
        return max(n - 1, *(back for _, back in parts)), parts[0], tuple(parts[1:])


def _places(n: int) -> dict[int, int]:
    """The levels that make up a window, from its first candle to its last, and how far before the last candle the entry
    of each is."""
    found, back = {}, n
    for place in powers_of(n):
        back -= 1 << place
        found[place] = back
    return found


class RunningMoments(RunningValues):
    """Mean and population standard deviation over ``n`` of a formula's values, joined as in `rolling_moments`."""

    def __init__(self, series: FloatArray, first: int, formula: Formula, args: Sequence[float], n: int) -> None:
        super().__init__(series, first, formula, args)
        self._n = n
        self._levels: list[tuple[array[float], array[float]]] = [(self.values, numbers(np.zeros(len(series))))]
        """At position p, mean and squared deviations of the 2**p values that end with a candle."""
        for place in range(n.bit_length() - 1):
            mean, squares = (np.array(level) for level in self._levels[-1])
            size = 1 << place
            joined = join_moments(mean[:-size], squares[:-size], size, mean[size:], squares[size:], size)
            self._levels.append(tuple(numbers(np.concatenate([np.full(size, np.nan), each])) for each in joined))  # type: ignore[arg-type]

    def over(self, moment: AtCandle) -> tuple[float, float]:
        """(mean, deviation) of the last ``n`` values; NaN if there are fewer."""
        position = self.position(moment)
        if position + 1 < self._n:
            return nan, nan
        mean = squares = 0.0
        taken, at = 0, position - self._n
        for place in powers_of(self._n):
            size = 1 << place
            at += size
            means, sums = self._levels[place]
            if taken:
                mean, squares = join_moments(mean, squares, taken, means[at], sums[at], size)
            else:
                mean, squares = means[at], sums[at]
            taken += size
        return mean, sqrt(squares / self._n)

    def _append(self, value: float) -> None:
        mean, squares, size = value, 0.0, 1
        for means, sums in self._levels:
            means.append(mean)
            sums.append(squares)
            if len(means) > size:
                mean, squares = join_moments(means[-1 - size], sums[-1 - size], size, mean, squares, size)
            size *= 2
