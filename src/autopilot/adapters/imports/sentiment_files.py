"""The Crypto Fear & Greed index from a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autopilot.adapters.imports.table_files import numeric, read_table, times_ms
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


def import_sentiment(store: SentimentStore, path: Path) -> SentimentReport:
    """Store a table of days (``timestamp``) and values in [0, 100] (``value``) as the series ``fear_greed``.

    The value of a day reflects the market up to the day before, and is known when the day begins, at 00:00 UTC. Rows
    without a time or with a value outside [0, 100] are left out. Raises CandleError, naming the file, and StoreError.
    """
    frame = read_table(path, ("timestamp", "value"))
    time = next((name for name in ("timestamp", "date") if name in frame.columns), None)
    if time is None or "value" not in frame.columns:
        raise CandleError(
            f"{path} is not a sentiment index; its columns are {', '.join(map(str, frame.columns))}",
            hint="name the columns timestamp,value",
        )
    at_ms, value = times_ms(frame[time]), numeric(frame["value"])
    with np.errstate(invalid="ignore"):
        good = (at_ms > 0) & (value >= 0) & (value <= 100)
    by_day = dict(zip((at_ms[good] // DAY_MS * DAY_MS).tolist(), value[good].tolist(), strict=True))
    if not by_day:
        raise CandleError(f"{path} has no value from 0 to 100 with a day", hint="name the columns timestamp,value")
    days = np.array(sorted(by_day), dtype=np.int64)
    store.save_sentiment(SentimentSeries(FEAR_GREED, days, np.array([by_day[day] for day in days.tolist()])))
    return SentimentReport(path, FEAR_GREED, len(frame), len(days), int(days[0]), int(days[-1]))
