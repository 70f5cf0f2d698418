"""Rows of candles as ccxt returns them, and which of them are usable."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autopilot.domain.candles import FaultKind, unusable
from autopilot.domain.timeframe import MINUTE_MS, Timeframe

Row = tuple[int, float, float, float, float, float]
"""Open time in milliseconds, open, high, low, close, volume."""
AHEAD_MS = MINUTE_MS
"""A candle may open this much later than the exchange's clock as we know it. A later one must follow its predecessor
within `GAP_CANDLES`: then it is our clock that is behind; else the answer is broken."""
GAP_CANDLES = 3
_MAX_TIME_MS = 2**53
"""Beyond it a float64 does not hold a time exactly."""

log = logging.getLogger(__name__)


def usable_rows(
    series: str, timeframe: Timeframe, rows: Sequence[Sequence[Any]], since_ms: int, now_ms: int
) -> list[Row]:
    """The sound and believable rows of an answer that begins at ``since_ms``, in ascending order. The others are logged
    as of ``series``."""
    sound, dropped = sound_rows(timeframe, rows)
    kept = believable_rows(timeframe, sound, since_ms, now_ms)
    dropped["in the future"] = len(sound) - len(kept)
    if dropped.total():
        why = ", ".join(f"{reason} ({count})" for reason, count in (+dropped).items())
        log.warning("%s: dropped %d rows of %d: %s", series, dropped.total(), len(rows), why)
    return kept


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


def believable_rows(timeframe: Timeframe, rows: Sequence[Row], since_ms: int, now_ms: int) -> list[Row]:
    """The sound rows without those of the future, in an answer that begins at ``since_ms``."""
    kept: list[Row] = []
    for row in rows:
        before_ms = kept[-1][0] if kept else since_ms
        if row[0] <= now_ms + AHEAD_MS or row[0] - before_ms <= GAP_CANDLES * timeframe.ms:
            kept.append(row)
    return kept


def _numbers(raw: Sequence[Any]) -> Row | None:
    """None if the row does not hold six numbers."""
    try:
        at_ms, opened, high, low, close, volume = raw[:6]
        row = int(at_ms), float(opened), float(high), float(low), float(close), float(volume)
    except (TypeError, ValueError, OverflowError):
        return None
    return row if abs(row[0]) < _MAX_TIME_MS else None
