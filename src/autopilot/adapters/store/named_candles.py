"""Candles of earlier versions, whose rows held the names of their series, as rows that hold its number.

Each block is deleted where it was when it is stored anew, so that the file does not grow.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from autopilot.adapters.store.coverage import SeriesCoverage
from autopilot.domain.coverage import CoveredSpan, Way, runs
from autopilot.domain.errors import StoreFull
from autopilot.domain.market import MarketKind
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import Timeframe

STAGE = "candles"
BLOCK = 50_000
ROOM_PER_CANDLE = 100
"""Bytes that the write-ahead log takes for a moved candle, rounded up; measured: 87."""
_EXISTS = "SELECT 1 FROM sqlite_schema WHERE name = 'named_candles'"
_NEXT_SERIES = (
    "SELECT exchange, symbol, timeframe FROM named_candles WHERE (exchange, symbol, timeframe) > (?, ?, ?)"
    " ORDER BY exchange, symbol, timeframe LIMIT 1"
)
_OF_SERIES = "FROM named_candles WHERE exchange = ? AND symbol = ? AND timeframe = ?"
_BLOCK = f"{_OF_SERIES} AND open_at_ms <= ?"


def move_named_candles(connection: sqlite3.Connection, path: Path, progress: Progress) -> None:
    """Move them within the connection's transaction; the runs of adjacent candles are covered. Does nothing where there
    are none. ``progress`` counts candles. Raises sqlite3.Error, StoreFull."""
    if connection.execute(_EXISTS).fetchone() is None:
        return
    (total,) = connection.execute("SELECT count(*) FROM named_candles").fetchone()
    _require_room(path, total)
    done = 0
    for names in _series(connection):
        exchange, symbol, timeframe = names
        row = connection.execute("INSERT INTO series (exchange, symbol, timeframe) VALUES (?, ?, ?)", names)
        assert row.lastrowid is not None
        coverage = SeriesCoverage(connection, row.lastrowid, Timeframe(timeframe))
        is_real = MarketKind.of(exchange) is MarketKind.REAL
        while times := _moved_block(connection, row.lastrowid, names):
            if is_real:
                spans = runs(times, Timeframe(timeframe).ms)
                coverage.cover([CoveredSpan(span, Way.EARLIER, span.to_ms) for span in spans])
            done += len(times)
            progress(STAGE, done, total, f"{exchange} {symbol} {timeframe}")
    connection.execute("DROP TABLE named_candles")


def _require_room(path: Path, candles: int) -> None:
    needed = candles * ROOM_PER_CANDLE
    if candles and (free := shutil.disk_usage(path.parent).free) < needed:
        raise StoreFull(
            f"bringing the {candles:,} candles of the database {path} up to date needs {needed / 1e6:,.0f} MB on its"
            f" disk, where {free / 1e6:,.0f} MB are free",
            hint="make room on the disk, then try again; nothing was changed",
        )


def _series(connection: sqlite3.Connection) -> Iterator[tuple[str, str, str]]:
    """One by one, because each is deleted when it is moved."""
    names = ("", "", "")
    while (row := connection.execute(_NEXT_SERIES, names).fetchone()) is not None:
        names = (row[0], row[1], row[2])
        yield names


def _moved_block(connection: sqlite3.Connection, series: int, names: tuple[str, str, str]) -> list[int]:
    """The open times of the next candles, which are moved."""
    query = f"SELECT open_at_ms {_OF_SERIES} ORDER BY open_at_ms LIMIT {BLOCK}"
    times = [row[0] for row in connection.execute(query, names)]
    if times:
        key = (*names, times[-1])
        connection.execute(
            f"INSERT INTO candles SELECT {series}, open_at_ms, open, high, low, close, volume {_BLOCK}"
            " ORDER BY open_at_ms",
            key,
        )
        connection.execute(f"DELETE {_BLOCK}", key)
    return times
