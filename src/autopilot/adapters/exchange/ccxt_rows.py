"""From the rows that exchanges give to candles: what is sound and closed, once each and in order."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

Row = tuple[int, float, float, float, float, float]


def sound_rows(timeframe: Timeframe, rows: Iterable[Sequence[Any]]) -> tuple[list[Row], Counter[str]]:
    """The rows that a market can have produced, ascending, of repeated ones the last; and why others were dropped."""
    kept: dict[int, Row] = {}
    dropped: Counter[str] = Counter()
    for raw in rows:
        row = _numbers(raw)
        fault = _fault(timeframe, row)
        if row is None or fault:
            dropped[fault] += 1
        else:
            kept[row[0]] = row
    return [kept[at_ms] for at_ms in sorted(kept)], dropped


def closed_candles(timeframe: Timeframe, rows: Sequence[Row], now_ms: int) -> Candles:
    """Those of sound rows that are closed at ``now_ms``."""
    return Candles.from_rows(timeframe, [row for row in rows if row[0] + timeframe.ms <= now_ms])


def _numbers(raw: Sequence[Any]) -> Row | None:
    try:
        at_ms, opened, high, low, close, volume = raw[:6]
        return int(at_ms), float(opened), float(high), float(low), float(close), float(volume)
    except (TypeError, ValueError, OverflowError):
        return None


def _fault(timeframe: Timeframe, row: Row | None) -> str:
    """Why no market can have produced this row; empty when one can."""
    if row is None or not all(map(math.isfinite, row)):
        return "not a number"
    at_ms, opened, high, low, close, volume = row
    if min(opened, high, low, close) <= 0 or volume < 0:
        return "zero or negative"
    if high < max(opened, close, low) or low > min(opened, close):
        return "high below low"
    return "off the timeframe's grid" if at_ms % timeframe.ms else ""
