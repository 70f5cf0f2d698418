"""From the rows that ccxt returns to candles: only sound and closed ones, each once and in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autopilot.domain.candles import Candles, FaultKind, unusable
from autopilot.domain.timeframe import Timeframe

Row = tuple[int, float, float, float, float, float]
_MAX_TIME_MS = 2**53
"""Beyond it a float64 does not hold a time exactly."""


def sound_rows(timeframe: Timeframe, rows: Iterable[Sequence[Any]]) -> tuple[list[Row], Counter[str]]:
    """The usable rows in ascending order, of repeated times the last one; and the number of the others by fault."""
    numbers = [_numbers(row) for row in rows]
    found = [row for row in numbers if row is not None]
    dropped = Counter({FaultKind.NOT_FINITE.value: len(numbers) - len(found)})
    at_ms = np.array([row[0] for row in found], dtype=np.int64)
    good = np.ones(len(found), dtype=np.bool_)
    opened, high, low, close, volume = np.array([row[1:] for row in found]).reshape(-1, 5).T
    for kind, mask in unusable(at_ms, opened, high, low, close, volume, timeframe).items():
        dropped[kind.value] += int(mask.sum())
        good &= ~mask
    kept = {found[index][0]: found[index] for index in np.flatnonzero(good)}
    return [kept[open_at_ms] for open_at_ms in sorted(kept)], +dropped


def closed_candles(timeframe: Timeframe, rows: Sequence[Row], now_ms: int) -> Candles:
    """The candles of sound rows that are closed at ``now_ms``."""
    return Candles.from_rows(timeframe, [row for row in rows if row[0] + timeframe.ms <= now_ms])


def _numbers(raw: Sequence[Any]) -> Row | None:
    """None if the row does not hold six numbers."""
    try:
        at_ms, opened, high, low, close, volume = raw[:6]
        row = int(at_ms), float(opened), float(high), float(low), float(close), float(volume)
    except (TypeError, ValueError, OverflowError):
        return None
    return row if abs(row[0]) < _MAX_TIME_MS else None
