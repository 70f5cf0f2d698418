"""Candles in SQLite, in and out as arrays."""

from __future__ import annotations

import time
from itertools import chain

import numpy as np

from autopilot.adapters.store.database import Store, store_errors
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import CandleStore, Coverage

_NAMES = ("open_at_ms", "open", "high", "low", "close", "volume")
_COLUMNS = ", ".join(_NAMES)
SAVED_AT_ONCE = 20_000
"""A tenth of a second."""
PAUSE_S = 0.03
_FOREVER = 2**62
_SERIES = "exchange = ? AND symbol = ? AND timeframe = ?"
_NEXT_SERIES = (
    "SELECT exchange, symbol, timeframe FROM candles WHERE (exchange, symbol, timeframe, open_at_ms) > (?, ?, ?, ?)"
    " ORDER BY exchange, symbol, timeframe LIMIT 1"
)
_OF_SERIES = "FROM candles WHERE exchange = ?1 AND symbol = ?2 AND timeframe = ?3"
_EXTENT = (
    f"SELECT (SELECT min(open_at_ms) {_OF_SERIES}), (SELECT max(open_at_ms) {_OF_SERIES}),"
    f" (SELECT count(*) {_OF_SERIES})"
)


class SqliteCandles(Store, CandleStore):
    """Candles in arrays; writing a candle again replaces it."""

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        """Returns how many candles were new or different. Many are written in several transactions, with pauses, so
        that other connections can write: orders must not wait for a large import."""
        changed = 0
        for begin in range(0, len(candles), SAVED_AT_ONCE):
            if begin:
                time.sleep(PAUSE_S)
            changed += self._save(exchange, symbol, candles[begin : begin + SAVED_AT_ONCE])
        return changed

    def _save(self, exchange: str, symbol: str, candles: Candles) -> int:
        key = (exchange, symbol, candles.timeframe.value)
        columns = (candles.open_at_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
        with self._database.transaction(durable=False, grouped=self._grouped and len(candles) == 1) as connection:
            before = connection.total_changes
            connection.executemany(
                f"INSERT INTO candles (exchange, symbol, timeframe, {_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?)"
                " ON CONFLICT DO UPDATE SET open = excluded.open, high = excluded.high, low = excluded.low,"
                " close = excluded.close, volume = excluded.volume"
                " WHERE (open, high, low, close, volume) IS NOT"
                " (excluded.open, excluded.high, excluded.low, excluded.close, excluded.volume)",
                ((*key, *row) for row in zip(*(column.tolist() for column in columns), strict=True)),
            )
            return connection.total_changes - before

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
        latest_first = last is not None
        query = (
            f"SELECT {_COLUMNS} FROM candles WHERE exchange = ? AND symbol = ? AND timeframe = ?"
            f" AND open_at_ms BETWEEN ? AND ? ORDER BY open_at_ms {'DESC' if latest_first else ''} LIMIT ?"
        )
        given = (
            exchange,
            symbol,
            timeframe.value,
            -_FOREVER if since_ms is None else since_ms,
            _FOREVER if until_ms is None else until_ms,
            -1 if last is None else last,
        )
        # Number by number: a list of the rows would take ten times as much memory as the arrays. A float64 holds
        # every time in milliseconds exactly.
        with store_errors(self._database.path):
            cursor = self._database.connection.cursor()
            cursor.row_factory = None
            numbers = np.fromiter(chain.from_iterable(cursor.execute(query, given)), dtype=np.float64)
        rows = numbers.reshape(-1, len(_NAMES))[:: -1 if latest_first else 1]
        open_at_ms, *columns = rows.T
        return Candles(timeframe, open_at_ms.astype(np.int64), *map(np.ascontiguousarray, columns))

    def coverage(self) -> tuple[Coverage, ...]:
        # Series by series: each step is a jump in the index, where grouping would read and compare all rows.
        found: list[Coverage] = []
        after = ("", "", "")
        while (series := self._database.row(_NEXT_SERIES, (*after, _FOREVER))) is not None:
            after = tuple(series)
            exchange, symbol, timeframe = after
            ((first_at_ms, last_at_ms, count),) = self._database.rows(_EXTENT, after)
            if count:
                found.append(Coverage(exchange, symbol, Timeframe(timeframe), first_at_ms, last_at_ms, count))
        return tuple(found)

    def delete_candles(self, exchange: str, symbol: str, timeframe: Timeframe) -> int:
        """Delete a series and the performance samples that were computed from it. Returns the number of candles."""
        key = (exchange, symbol, timeframe.value)
        with self._database.transaction(durable=True) as connection:
            connection.execute(f"DELETE FROM performance_samples WHERE {_SERIES}", key)
            return connection.execute(f"DELETE FROM candles WHERE {_SERIES}", key).rowcount

    def rename_candles(self, exchange: str, symbol: str, timeframe: Timeframe, to_exchange: str, to_symbol: str) -> int:
        """Move a series, with its performance samples, to another exchange or symbol, where equal candles may be.
        Returns the number of candles. Raises CandleError if that is its name already, or if a candle there has other
        numbers; nothing is changed."""
        old, new = (exchange, symbol, timeframe.value), (to_exchange, to_symbol, timeframe.value)
        if old == new:
            raise CandleError(f"{exchange} {symbol} is its name already", hint="name another --to-symbol or exchange")
        with self._database.transaction(durable=True) as connection:
            (differing,) = connection.execute(
                "SELECT count(*) FROM candles AS here JOIN candles AS there USING (timeframe, open_at_ms)"
                " WHERE here.exchange = ? AND here.symbol = ? AND timeframe = ? AND there.exchange = ?"
                " AND there.symbol = ? AND (here.open, here.high, here.low, here.close, here.volume) IS NOT"
                " (there.open, there.high, there.low, there.close, there.volume)",
                (*old, to_exchange, to_symbol),
            ).fetchone()
            if differing:
                raise CandleError(
                    f"{to_exchange} {to_symbol} {timeframe} has other numbers at {differing:,} of the same times",
                    hint="autopilot data delete one of the two first",
                )
            counts: list[int] = []
            for table in ("candles", "performance_samples"):
                changed = connection.execute(
                    f"UPDATE OR IGNORE {table} SET exchange = ?, symbol = ? WHERE {_SERIES}", (*new[:2], *old)
                ).rowcount
                left = connection.execute(f"DELETE FROM {table} WHERE {_SERIES}", old).rowcount
                counts.append(changed + left)
            return counts[0]
