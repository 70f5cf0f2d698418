"""Statistics over the last ``n`` entries, each a pure function of those entries and of nothing before them.

Running sums, as in TA-Lib, carry the rounding errors of the whole past, so that a window and the full series disagree.
Here windows are joined from windows of half their length: as fast, without errors from the past, and a flat series has
a variance of exactly zero. All take float64[m] and return float64[m], NaN for the first ``n - 1``
entries and wherever a NaN lies in the window.
"""

from __future__ import annotations

from array import array
from functools import cache

import numpy as np

from autopilot.analysis.entries import Numbers
from autopilot.domain.candles import FloatArray

_PLACES = 32
_SHIFTED = tuple((slice(None, -(1 << place)), slice(1 << place, None)) for place in range(_PLACES))
"""At position p, the slices of a series without its last, and without its first, 2**p entries."""


class Windows:
    """Series reduced (np.add, np.maximum, np.minimum) over windows of any length, which share their work.

    ``series`` is one series float64[m], or one per row, float64[..., m]: on a cycle's window the calls cost more than
    the numbers. Rows are stored end to end; entries whose window would cross two rows are NaN.
    """

    def __init__(self, series: FloatArray, fold: np.ufunc) -> None:
        self._shape = series.shape
        self._fold = fold
        self._doubled = [series.reshape(-1)]
        """At position p, entry i reduces the 2**p entries from i on."""

    def over(self, n: int) -> FloatArray:
        """The reduction of the last ``n`` entries, n at least 1."""
        if self._shape[-1] < n:
            return np.full(self._shape, np.nan)
        fold, doubled = self._fold, self._doubled
        for earlier, later in _SHIFTED[len(doubled) - 1 : n.bit_length() - 1]:
            half = doubled[-1]
            doubled.append(fold(half[earlier], half[later]))
        place, *larger = powers_of(n)
        whole, taken = doubled[place], 1 << place
        for place in larger:
            part = doubled[place][taken:]
            whole = fold(whole[: len(part)], part)
            taken += 1 << place
        return _aligned(whole, n, self._shape)


@cache
def powers_of(n: int) -> tuple[int, ...]:
    """The exponents of the powers of two that sum to ``n``, ascending."""
    return tuple(place for place in range(n.bit_length()) if n >> place & 1)


def rolling_sum(series: FloatArray, n: int) -> FloatArray:
    """Sum of the last ``n`` entries."""
    return Windows(series, np.add).over(n)


def rolling_max(series: FloatArray, n: int) -> FloatArray:
    """Highest of the last ``n`` entries."""
    return Windows(series, np.maximum).over(n)


def rolling_min(series: FloatArray, n: int) -> FloatArray:
    """Lowest of the last ``n`` entries."""
    return Windows(series, np.minimum).over(n)


def rolling_mean(series: FloatArray, n: int) -> FloatArray:
    """Mean of the last ``n`` entries."""
    return rolling_sum(series, n) / n


def rolling_moments(series: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Mean and population variance of the last ``n`` entries, exact even for prices (mean far above spread).

    Windows are joined as Chan, Golub and LeVeque (1979) join samples.
    """
    length = len(series)
    if length < n:
        return np.full(length, np.nan), np.full(length, np.nan)
    mean = power_mean = series
    squares = power_squares = np.zeros(length)
    size, taken = 1, 0
    while True:
        if n & size:
            if taken:
                kept = length - taken - size + 1
                mean, squares = join_moments(
                    mean[:kept], squares[:kept], taken, power_mean[taken:], power_squares[taken:], size
                )
            else:
                mean, squares = power_mean, power_squares
            taken += size
        if taken == n:
            break
        power_mean, power_squares = join_moments(
            power_mean[:-size], power_squares[:-size], size, power_mean[size:], power_squares[size:], size
        )
        size *= 2
    return _aligned(mean, n, series.shape), _aligned(squares / n, n, series.shape)


def rolling_std(series: FloatArray, n: int) -> FloatArray:
    """Population standard deviation of the last ``n`` entries of a series whose mean is not far above its spread
    (returns); for prices use `rolling_moments`."""
    return std_of(Windows(np.array((series, series * series)), np.add).over(n), n)


def std_of(sums: FloatArray, n: int) -> FloatArray:
    """`rolling_std` from the sums over ``n`` entries of a series and of its squares, float64[2, m]."""
    mean, square = sums / n
    return np.asarray(np.sqrt(np.maximum(square - mean * mean, 0.0)))


def rolling_median(series: FloatArray, n: int) -> FloatArray:
    """Median of the last ``n`` entries. Costs n·log n per entry: for windows up to about 100."""
    length = len(series)
    if length < n:
        return np.full(length, np.nan)
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(series, n), axis=1)
    median = (ordered[:, (n - 1) // 2] + ordered[:, n // 2]) * 0.5
    median[np.isnan(ordered[:, -1])] = np.nan
    return _aligned(median, n, series.shape)


def numbers(series: FloatArray) -> array[float]:
    """The series as an array whose entries are floats, quick to read one by one."""
    found = array("d")
    found.frombytes(series.tobytes())
    return found


def lagged(series: FloatArray, by: int) -> FloatArray:
    """The series shifted by ``by`` entries into the past; NaN for the first ``by``."""
    if by == 0:
        return series
    shifted = np.empty(len(series))
    shifted[:by] = np.nan
    shifted[by:] = series[:-by]
    return shifted


def change(series: FloatArray) -> FloatArray:
    """Each entry less the one before it; the first is NaN."""
    steps = np.empty(len(series))
    steps[:1] = np.nan
    np.subtract(series[1:], series[:-1], out=steps[1:])
    return steps


def join_moments(
    mean: Numbers, squares: Numbers, size: int, other_mean: Numbers, other_squares: Numbers, other: int
) -> tuple[Numbers, Numbers]:
    """Mean and squared deviations of two samples together, from those of each and their sizes."""
    step = other_mean - mean
    share = other / (size + other)
    return mean + step * share, squares + other_squares + step * step * (size * share)


def _aligned(windows: FloatArray, n: int, shape: tuple[int, ...]) -> FloatArray:
    """The result moved from the window's first entry to its last, where it becomes known."""
    series = np.empty(shape)
    series.reshape(-1)[n - 1 :] = windows
    series[..., : n - 1] = np.nan
    return series
