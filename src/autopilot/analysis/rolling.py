"""Statistics over the last ``n`` entries, each a pure function of those entries and of nothing before them.

Running sums, as TA-Lib keeps them, drag the rounding errors of the whole past along, so that a window and the full
series disagree. Here windows are joined from windows of half their length: as quick, no error from the past, and
a flat series has a variance of exactly zero. All take float64[m] and return float64[m], NaN for the first ``n - 1``
entries and wherever a NaN lies in the window.
"""

from __future__ import annotations

import numpy as np

from autopilot.domain.candles import FloatArray


def rolling_sum(series: FloatArray, n: int) -> FloatArray:
    """Sum of the last ``n`` entries."""
    return _aligned(_folded(series, n, np.add), n, len(series))


def rolling_max(series: FloatArray, n: int) -> FloatArray:
    """Highest of the last ``n`` entries."""
    return _aligned(_folded(series, n, np.maximum), n, len(series))


def rolling_min(series: FloatArray, n: int) -> FloatArray:
    """Lowest of the last ``n`` entries."""
    return _aligned(_folded(series, n, np.minimum), n, len(series))


def rolling_mean(series: FloatArray, n: int) -> FloatArray:
    """Mean of the last ``n`` entries."""
    return rolling_sum(series, n) / n


def rolling_moments(series: FloatArray, n: int) -> tuple[FloatArray, FloatArray]:
    """Mean and population variance of the last ``n`` entries, exact for prices too, whose mean dwarfs their spread.

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
                mean, squares = _join_moments(
                    mean[:kept], squares[:kept], taken, power_mean[taken:], power_squares[taken:], size
                )
            else:
                mean, squares = power_mean, power_squares
            taken += size
        if taken == n:
            break
        power_mean, power_squares = _join_moments(
            power_mean[:-size], power_squares[:-size], size, power_mean[size:], power_squares[size:], size
        )
        size *= 2
    return _aligned(mean, n, length), _aligned(squares / n, n, length)


def rolling_std(series: FloatArray, n: int) -> FloatArray:
    """Population standard deviation of the last ``n`` entries, for series whose mean is not far above their spread
    (returns); for prices use `rolling_moments`."""
    mean = rolling_mean(series, n)
    return np.sqrt(np.maximum(rolling_mean(series * series, n) - mean * mean, 0.0))


def rolling_median(series: FloatArray, n: int) -> FloatArray:
    """Median of the last ``n`` entries. Costs n·log n an entry: for windows up to some 100."""
    length = len(series)
    if length < n:
        return np.full(length, np.nan)
    ordered = np.sort(np.lib.stride_tricks.sliding_window_view(series, n), axis=1)
    median = (ordered[:, (n - 1) // 2] + ordered[:, n // 2]) * 0.5
    median[np.isnan(ordered[:, -1])] = np.nan
    return _aligned(median, n, length)


def lagged(series: FloatArray, by: int) -> FloatArray:
    """Each entry is the one ``by`` places earlier; NaN for the first ``by``."""
    if by == 0:
        return series
    shifted = np.full(len(series), np.nan)
    shifted[by:] = series[:-by]
    return shifted


def _folded(series: FloatArray, n: int, join: np.ufunc) -> FloatArray:
    """``join`` over each window, entry i for the window that starts at i: windows of 1, 2, 4, … give those of n."""
    if len(series) < n:
        return np.empty(0)
    power: FloatArray = series
    whole: FloatArray | None = None
    size, taken = 1, 0
    while True:
        if n & size:
            whole = power if whole is None else join(whole[: len(series) - taken - size + 1], power[taken:])
            taken += size
        if taken == n:
            assert whole is not None
            return whole
        power = join(power[:-size], power[size:])
        size *= 2


def _join_moments(
    mean: FloatArray, squares: FloatArray, size: int, other_mean: FloatArray, other_squares: FloatArray, other: int
) -> tuple[FloatArray, FloatArray]:
    step = other_mean - mean
    share = other / (size + other)
    return mean + step * share, squares + other_squares + step * step * (size * share)


def _aligned(windows: FloatArray, n: int, length: int) -> FloatArray:
    """From the window's first entry to its last: where it becomes known."""
    series = np.full(length, np.nan)
    if len(windows):
        series[n - 1 :] = windows
    return series
