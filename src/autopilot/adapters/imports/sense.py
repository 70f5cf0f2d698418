"""Whether numbers can belong to the names of their columns: exchanged names are found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autopilot.adapters.imports.compact import CompactColumn
from autopilot.adapters.imports.numbers import numeric_columns
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import DAY_MS

FEWEST_TO_JUDGE = 24
_MUCH_LESS = 0.4
_WEEK_MS = 7 * DAY_MS
_LOOK = "check the header: a column has the wrong name"


def require_sense(
    at_ms: IntArray,
    open: FloatArray,  # noqa: A002 - the field's own name
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    *,
    quotes: Sequence[FloatArray],
    counts: Sequence[FloatArray],
    takers: Sequence[FloatArray],
    others: Sequence[FloatArray],
) -> None:
    """``quotes``: volumes in the quote currency; ``counts``: numbers of trades; ``takers``: volumes of takers;
    ``others``: all columns that are not read. Raises CandleError where a column must have another one's name."""
    if volume_is_price(low, high, volume):
        raise CandleError(
            "its volumes are prices: an average, or a column with a wrong name",
            hint="look at the header, and name the column of the volume",
        )
    with np.errstate(all="ignore"):
        if _is_time(at_ms, volume):
            raise CandleError("its volumes are times", hint=_LOOK)
        if any(_is_exchanged(low, high, volume, quote) for quote in quotes):
            raise CandleError("its volumes in base and quote currency are swapped", hint=_LOOK)
        if any((np.abs(count - np.round(count)) > 0).mean() > 0.5 for count in counts):
            raise CandleError("its numbers of trades are not whole numbers", hint=_LOOK)
        if any((taker > volume * (1 + 1e-9)).mean() > 0.5 for taker in takers):
            raise CandleError("its taker volume is larger than its volume", hint=_LOOK)
        if len(at_ms) >= FEWEST_TO_JUDGE:
            order = np.argsort(at_ms, kind="stable")
            order = order[((low <= open) & (low <= close) & (high >= open) & (high >= close))[order]]
            beside = [other[order] for other in others if np.isfinite(other).mean() > 0.9]
            _require_prices(open[order], high[order], low[order], close[order], beside)


def volume_is_price(low: FloatArray, high: FloatArray, volume: FloatArray) -> bool:
    """Whether the volume of nearly every bar is a price near the bar, as that of an average or a VWAP is."""
    if len(volume) < FEWEST_TO_JUDGE:
        return False
    with np.errstate(all="ignore"):
        return bool(((volume >= 0.8 * low) & (volume <= 1.25 * high)).mean() > 0.9)


def number_column(column: Sequence[Any], rows: IntArray) -> FloatArray:
    """float64[n] of some cells of a column, NaN for what is no number."""
    if isinstance(column, CompactColumn) and (numbers := column.numbers) is not None:
        return numbers[rows]
    cells = [column[row] for row in rows.tolist()]
    try:
        return numeric_columns([cells])[0]
    except CandleError:
        return np.full(len(cells), np.nan)


def _require_prices(
    opened: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray, beside: Sequence[FloatArray]
) -> None:
    """In time's order. A market opens a candle near the close of the one before: a column that does so much better is
    the right one. And no column but the low's lies below all prices and above the low."""
    gap = _distance(opened[1:], close[:-1])
    if _distance(close[1:], opened[:-1]) < _MUCH_LESS * gap:
        raise CandleError("its opens and closes are swapped", hint=_LOOK)
    if not len(opened):
        return
    bottom, top = np.minimum(opened, close), np.maximum(opened, close)
    for other in beside:
        if _distance(opened[1:], other[:-1]) < _MUCH_LESS * gap:
            raise CandleError("its closes do not match the next opens, but another column does", hint=_LOOK)
        if _distance(other[1:], close[:-1]) < _MUCH_LESS * gap:
            raise CandleError("its opens do not match the previous closes, but another column does", hint=_LOOK)
        if _lies_between(low, other, bottom):
            raise CandleError("its lowest prices are in another column than low", hint=_LOOK)
        if _lies_between(-high, -other, -top):
            raise CandleError("its highest prices are in another column than high", hint=_LOOK)


def _distance(one: FloatArray, other: FloatArray) -> float:
    apart = np.abs(one - other)
    return float(apart[np.isfinite(apart)].mean()) if np.isfinite(apart).any() else np.inf


def _lies_between(low: FloatArray, other: FloatArray, bottom: FloatArray) -> bool:
    """Whether a column is never above open and close, and mostly above the low."""
    return bool((other <= bottom).mean() > 0.98 and (low < other).mean() > 0.8)


def _is_time(at_ms: IntArray, volume: FloatArray) -> bool:
    scales = np.array([[1000.0], [1.0], [0.001], [0.000001]])
    return bool((np.abs(volume * scales - at_ms) < _WEEK_MS).any(axis=0).mean() > 0.5)


def _is_exchanged(low: FloatArray, high: FloatArray, volume: FloatArray, quote: FloatArray) -> bool:
    right, wrong = ((ratio >= 0.99 * low) & (ratio <= 1.01 * high) for ratio in (quote / volume, volume / quote))
    return bool(wrong.mean() > 0.5 and right.mean() < 0.5)
