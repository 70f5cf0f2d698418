"""The Crypto Fear & Greed index from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autopilot.adapters.imports.containers import MAX_BYTES, members, table_of
from autopilot.adapters.imports.layouts import TIMES, normal
from autopilot.adapters.imports.moments import times_ms
from autopilot.adapters.imports.numbers import numeric_columns
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.errors import CandleError
from autopilot.domain.sentiment import FEAR_GREED, SentimentSeries
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.sentiment import SentimentStore


@dataclass(frozen=True, slots=True)
class SentimentReport:
    """``written`` days were stored of the ``read`` rows of ``file``; the times are those of the first and last day."""

    file: Path
    name: str
    read: int
    written: int
    first_at_ms: int
    last_at_ms: int


def import_sentiment(store: SentimentStore, path: Path, max_bytes: int = MAX_BYTES) -> SentimentReport:
    """Store a table of days (``timestamp``) and values in [0, 100] (``value``) as the series ``fear_greed``: CSV, or
    JSON as the index's own service answers.

    The value of a day reflects the market up to the day before, and is known when the day begins, at 00:00 UTC. Rows
    without a time or with a value outside [0, 100] are left out. Raises CandleError, naming the file, and StoreError.
    """
    if not path.exists():
        raise CandleError(f"{path} does not exist", hint="check the path")
    try:
        read, at_ms, value = _days(path, max_bytes)
    except CandleError as error:
        raise CandleError(f"{path}: {error}", hint=error.hint) from error
    with np.errstate(invalid="ignore"):
        good = (at_ms > 0) & (value >= 0) & (value <= 100)
    by_day = dict(zip((at_ms[good] // DAY_MS * DAY_MS).tolist(), value[good].tolist(), strict=True))
    if not by_day:
        raise CandleError(f"{path} has no value from 0 to 100 with a day", hint="name the columns timestamp,value")
    days = np.array(sorted(by_day), dtype=np.int64)
    store.save_sentiment(SentimentSeries(FEAR_GREED, days, np.array([by_day[day] for day in days.tolist()])))
    return SentimentReport(path, FEAR_GREED, read, len(days), int(days[0]), int(days[-1]))


def _days(path: Path, max_bytes: int) -> tuple[int, IntArray, FloatArray]:
    """(number of rows, times in milliseconds, values). Raises CandleError."""
    table = table_of(members(path)[0], max_bytes)
    names = [normal(name) for name in table.names or ()]
    time = next((names.index(name) for name in TIMES if name in names), None)
    if time is None or "value" not in names:
        shown = f"its columns are {', '.join(table.names)}" if table.names else "it has no header"
        raise CandleError(f"it is not a sentiment index; {shown}", hint="name the columns timestamp,value")
    (value,) = numeric_columns([table.columns[names.index("value")]])
    return table.read, times_ms(table.columns[time]), value
