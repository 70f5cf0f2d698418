"""Candles in SQLite, in and out as arrays, with what is known of their series."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from itertools import chain

import numpy as np

from autopilot.adapters.store.bulk_reads import SLICE, read_slice
from autopilot.adapters.store.coverage import SeriesCoverage
from autopilot.adapters.store.database import Store, store_errors
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.coverage import EVER, CoveredSpan, Gap, TimeSpan, Way, runs
from autopilot.domain.errors import CandleError
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.history import CoverageStore
from autopilot.ports.market_data import CandleStore, Coverage

_NAMES = ("open_at_ms", "open", "high", "low", "close", "volume")
_COLUMNS = ", ".join(_NAMES)
SAVED_AT_ONCE = 20_000
"""A tenth of a second."""
PAUSE_S = 0.03
BYTES_PER_CANDLE = 65
"""What a candle takes in the database, on average."""
_FOREVER = 2**62
_NAMED = "exchange = ? AND symbol = ? AND timeframe = ?"
_NUMBER = f"SELECT id FROM series WHERE {_NAMED}"
_ALL_SERIES = "SELECT id, exchange, symbol, timeframe FROM series ORDER BY exchange, symbol, timeframe"
_EXTENT = (
    "SELECT (SELECT min(open_at_ms) FROM candles WHERE series = ?1),"
    " (SELECT max(open_at_ms) FROM candles WHERE series = ?1), (SELECT count(*) FROM candles WHERE series = ?1)"
)
_OF_SERIES = (
    f"SELECT CAST(open_at_ms AS REAL), {', '.join(_NAMES[1:])} FROM candles"
    f" WHERE series = ({_NUMBER}) AND open_at_ms BETWEEN ? AND ?"
)
_BETWEEN = f"SELECT {_COLUMNS} FROM candles WHERE series = ? AND open_at_ms BETWEEN ? AND ? ORDER BY open_at_ms"
ROWS_AT_ONCE = 200
"""Of one statement: a statement for each row takes nearly twice as long."""


def _upsert(rows: int) -> str:
    """Takes the series, then the columns of each row."""
    width = len(_NAMES)
    marks = (", ".join(f"?{row * width + at + 2}" for at in range(width)) for row in range(rows))
    return (
        f"INSERT INTO candles VALUES {', '.join(f'(?1, {each})' for each in marks)} ON CONFLICT DO UPDATE SET"
        " open = excluded.open, high = excluded.high, low = excluded.low, close = excluded.close,"
        " volume = excluded.volume WHERE (open, high, low, close, volume)"
        " IS NOT (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)"
    )


_UPSERTS = {rows: _upsert(rows) for rows in (ROWS_AT_ONCE, 1)}
_OLDER = f"SELECT count(*) FROM candles WHERE series = ({_NUMBER}) AND open_at_ms < ?"
_AFTER_BLOCK = f"SELECT open_at_ms FROM candles WHERE series = ? ORDER BY open_at_ms LIMIT 1 OFFSET {SAVED_AT_ONCE}"
_DIFFERING = (
    "SELECT count(*) FROM candles AS here JOIN candles AS there USING (open_at_ms)"
    " WHERE here.series = ? AND there.series = ? AND (here.open, here.high, here.low, here.close, here.volume) IS NOT"
    " (there.open, there.high, there.low, there.close, there.volume)"
)


class SqliteCandles(Store, CandleStore, CoverageStore):
    """Candles in arrays; writing a candle again replaces it. Of simulated markets no coverage is kept."""

    def save_candles(self, exchange: str, symbol: str, candles: Candles, way: Way = Way.LIVE) -> int:
        """Many are written in several transactions, with pauses, so that other connections can write: orders must not
        wait for a large import. Only live candles do not wait for the disk at the end."""
        changed = 0
        for begin in range(0, len(candles), SAVED_AT_ONCE):
            if begin:
                time.sleep(PAUSE_S)
            part = candles[begin : begin + SAVED_AT_ONCE]
            is_durable = way is not Way.LIVE and begin + len(part) == len(candles)
            changed += self._save(exchange, symbol, part, way, durable=is_durable)
        return changed

    def _save(self, exchange: str, symbol: str, candles: Candles, way: Way, *, durable: bool) -> int:
        grouped = self._grouped and len(candles) == 1
        with self._database.transaction(durable=durable, grouped=grouped) as connection:
            series = _made_number(connection, exchange, symbol, candles.timeframe)
            coverage = SeriesCoverage(connection, series, candles.timeframe)
            if MarketKind.of(exchange) is not MarketKind.REAL:
                return len(_write(connection, series, candles))
            if way is Way.LIVE:
                changed = _write(connection, series, candles)
                if len(changed):
                    coverage.came_live(changed)
            else:
                coverage.close()
                changed = _write(connection, series, candles)
                now_ms = time.time_ns() // 1_000_000
                spans = runs(changed, candles.timeframe.ms)
                coverage.cover([CoveredSpan(span, way, now_ms) for span in spans])
            return len(changed)

    def save_covered(
        self, exchange: str, symbol: str, candles: Candles, covered: CoveredSpan, gaps: Sequence[Gap] = ()
    ) -> int:
        """Stored candles that ``candles`` lacks stay. Raises ValueError for candles or gaps outside of the span."""
        _require_inside(
            covered.span, [*runs(candles.open_at_ms.tolist(), candles.timeframe.ms), *(gap.span for gap in gaps)]
        )
        with self._database.transaction(durable=True) as connection:
            series = _made_number(connection, exchange, symbol, candles.timeframe)
            coverage = SeriesCoverage(connection, series, candles.timeframe)
            coverage.close()
            changed = _write(connection, series, candles)
            coverage.settle(covered, gaps)
            return len(changed)

    def load_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: Timeframe,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        last: int | None = None,
    ) -> Candles:
        series = exchange, symbol, timeframe.value
        bounds = [-_FOREVER if since_ms is None else since_ms, _FOREVER if until_ms is None else until_ms]
        with store_errors(self._database.path):
            if last is None:
                rows = self._all_between(series, *bounds)
            else:
                query = f"{_OF_SERIES} ORDER BY open_at_ms DESC LIMIT ?"
                rows = _read(self._database.connection, query, (*series, *bounds, last))[::-1]
        open_at_ms, *columns = rows.T
        return Candles(timeframe, open_at_ms.astype(np.int64), *map(np.ascontiguousarray, columns))

    def _all_between(self, series: tuple[str, str, str], since_ms: int, until_ms: int) -> FloatArray:
        """Slice by slice, so that little more than the result is in memory. Raises sqlite3.Error."""
        found: list[FloatArray] = []
        while not found or len(found[-1]) == SLICE:
            given = (*series, since_ms, until_ms)
            rows = read_slice(self._database.connection, f"{_OF_SERIES} ORDER BY open_at_ms LIMIT {SLICE}", given)
            if rows is None:
                rows = _read(self._database.connection, f"{_OF_SERIES} ORDER BY open_at_ms", given)
            found.append(rows)
            since_ms = int(rows[-1, 0]) + 1 if len(rows) else until_ms
        return np.concatenate(found)

    def coverage(self) -> tuple[Coverage, ...]:
        found: list[Coverage] = []
        for series, exchange, symbol, timeframe in self._database.rows(_ALL_SERIES):
            ((first_at_ms, last_at_ms, count),) = self._database.rows(_EXTENT, (series,))
            if count:
                found.append(Coverage(exchange, symbol, Timeframe(timeframe), first_at_ms, last_at_ms, count))
        return tuple(found)

    def covered(
        self, exchange: str, symbol: str, timeframe: Timeframe, near: TimeSpan = EVER
    ) -> tuple[CoveredSpan, ...]:
        known = self._known(exchange, symbol, timeframe)
        with store_errors(self._database.path):
            return known.spans(near) if known else ()

    def gaps(self, exchange: str, symbol: str, timeframe: Timeframe, near: TimeSpan = EVER) -> tuple[Gap, ...]:
        known = self._known(exchange, symbol, timeframe)
        with store_errors(self._database.path):
            return known.gaps(near) if known else ()

    def _known(self, exchange: str, symbol: str, timeframe: Timeframe) -> SeriesCoverage | None:
        row = self._database.row(_NUMBER, (exchange, symbol, timeframe.value))
        if row is None or MarketKind.of(exchange) is not MarketKind.REAL:
            return None
        return SeriesCoverage(self._database.connection, row[0], timeframe)

    def delete_candles(self, exchange: str, symbol: str, timeframe: Timeframe) -> int:
        """Delete a series, what is known of it, and the performance samples that were computed from it. Returns the
        number of candles."""
        key = (exchange, symbol, timeframe.value)
        with self._database.transaction(durable=True) as connection:
            connection.execute(f"DELETE FROM performance_samples WHERE {_NAMED}", key)
            return _delete(connection, _number(connection, *key))

    def older_candles(self, exchange: str, symbol: str, timeframe: Timeframe, before_ms: int) -> int:
        """The number of candles of a series that open before ``before_ms``."""
        ((count,),) = self._database.rows(_OLDER, (exchange, symbol, timeframe.value, before_ms))
        return int(count)

    def prune_candles(self, exchange: str, symbol: str, timeframe: Timeframe, before_ms: int) -> int:
        """Delete the candles of a series that open before ``before_ms``, and what is known of that time. Returns the
        number of candles. Many are deleted in several transactions, as they are saved."""
        before_ms = timeframe.floor(before_ms - 1) + timeframe.ms
        deleted, end_ms = 0, -_FOREVER
        while end_ms < before_ms:
            if deleted:
                time.sleep(PAUSE_S)
            with self._database.transaction(durable=True) as connection:
                series = _number(connection, exchange, symbol, timeframe)
                if series is None:
                    break
                row = connection.execute(_AFTER_BLOCK, (series,)).fetchone()
                end_ms = before_ms if row is None else min(before_ms, row[0])
                SeriesCoverage(connection, series, timeframe).forget(TimeSpan(-_FOREVER, end_ms))
                where = "WHERE series = ? AND open_at_ms < ?"
                deleted += connection.execute(f"DELETE FROM candles {where}", (series, end_ms)).rowcount
        return deleted

    def rename_candles(self, exchange: str, symbol: str, timeframe: Timeframe, to_exchange: str, to_symbol: str) -> int:
        """Move a series, with its performance samples, to another exchange or symbol, where equal candles may be. What
        is known of that one counts. Returns the number of candles. Raises CandleError if that is its name already, or
        if a candle there has other numbers; nothing is changed."""
        old, new = (exchange, symbol, timeframe.value), (to_exchange, to_symbol, timeframe.value)
        if old == new:
            raise CandleError(f"{exchange} {symbol} is its name already", hint="name another --to-symbol or exchange")
        with self._database.transaction(durable=True) as connection:
            here, there = _number(connection, *old), _made_number(connection, to_exchange, to_symbol, timeframe)
            if here is None:
                return 0
            (differing,) = connection.execute(_DIFFERING, (here, there)).fetchone()
            if differing:
                raise CandleError(
                    f"{to_exchange} {to_symbol} {timeframe} has other numbers at {differing:,} of the same times",
                    hint="autopilot data delete one of the two first",
                )
            SeriesCoverage(connection, there, timeframe).adopt(SeriesCoverage(connection, here, timeframe))
            connection.execute(
                f"INSERT OR IGNORE INTO candles SELECT ?, {_COLUMNS} FROM candles WHERE series = ?", (there, here)
            )
            connection.execute(
                f"UPDATE OR IGNORE performance_samples SET exchange = ?, symbol = ? WHERE {_NAMED}", (*new[:2], *old)
            )
            connection.execute(f"DELETE FROM performance_samples WHERE {_NAMED}", old)
            return _delete(connection, here)


def _require_inside(span: TimeSpan, parts: Sequence[TimeSpan]) -> None:
    for part in parts:
        if part.from_ms < span.from_ms or part.to_ms > span.to_ms:
            raise ValueError(f"{part} is not inside of {span}")


def _number(connection: sqlite3.Connection, exchange: str, symbol: str, timeframe: str) -> int | None:
    row = connection.execute(_NUMBER, (exchange, symbol, str(timeframe))).fetchone()
    return None if row is None else int(row[0])


def _made_number(connection: sqlite3.Connection, exchange: str, symbol: str, timeframe: Timeframe) -> int:
    found = _number(connection, exchange, symbol, timeframe)
    if found is None:
        row = (exchange, symbol, timeframe.value)
        found = connection.execute("INSERT INTO series (exchange, symbol, timeframe) VALUES (?, ?, ?)", row).lastrowid
    assert found is not None
    return found


def _delete(connection: sqlite3.Connection, series: int | None) -> int:
    """Delete a series. Its coverage and its gaps go with it."""
    count = connection.execute("DELETE FROM candles WHERE series = ?", (series,)).rowcount
    connection.execute("DELETE FROM series WHERE id = ?", (series,))
    return count


def _write(connection: sqlite3.Connection, series: int, candles: Candles) -> list[int]:
    """Store candles. Returns the open times of those that were new or changed, ascending."""
    if not len(candles):
        return []
    if len(candles) == 1:
        candle = candles.candle(0)
        is_changed = connection.execute(_UPSERTS[1], (series, *candle)).rowcount
        return [candle.open_at_ms] if is_changed else []
    rows = np.column_stack([getattr(candles, name) for name in _NAMES])
    stored = _read(connection, _BETWEEN, (series, int(candles.open_at_ms[0]), candles.last_at_ms))
    if len(stored):
        places = np.searchsorted(stored[:, 0], rows[:, 0]).clip(max=len(stored) - 1)
        rows = rows[(stored[places] != rows).any(axis=1)]
    begin, numbers, width = 0, rows.ravel().tolist(), len(_NAMES)
    for count, statement in _UPSERTS.items():
        end = len(numbers) - (len(numbers) - begin) % (count * width)
        starts = range(begin, end, count * width)
        connection.executemany(statement, ([series, *numbers[at : at + count * width]] for at in starts))
        begin = end
    times: list[int] = rows[:, 0].astype(np.int64).tolist()
    return times


def _read(connection: sqlite3.Connection, query: str, given: Sequence[object]) -> FloatArray:
    """Rows of `_COLUMNS`, float64[n, 6]. Number by number: a list of the rows would take ten times as much memory as
    the array. A float64 holds every time in milliseconds exactly."""
    cursor = connection.cursor()
    cursor.row_factory = None
    return np.fromiter(chain.from_iterable(cursor.execute(query, given)), dtype=np.float64).reshape(-1, len(_NAMES))
