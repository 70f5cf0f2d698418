"""Candles in SQLite, in and out as arrays."""

from __future__ import annotations

import numpy as np

from autopilot.adapters.store.database import Store
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import CandleStore, Coverage

_ROW = np.dtype(
    [("open_at_ms", np.int64), *((name, np.float64) for name in ("open", "high", "low", "close", "volume"))]
)
_COLUMNS = ", ".join(_ROW.names or ())
_FOREVER = 2**62


class SqliteCandles(Store, CandleStore):
    """Candles in arrays; writing a candle again replaces it."""

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        """In one transaction. Returns how many candles were new or different."""
        key = (exchange, symbol, candles.timeframe.value)
        columns = (candles.open_at_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
        with self._database.transaction(durable=False) as connection:
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
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM candles WHERE exchange = ? AND symbol = ? AND timeframe = ?"
            f" AND open_at_ms BETWEEN ? AND ? ORDER BY open_at_ms {'DESC' if latest_first else ''} LIMIT ?",
            (
                exchange,
                symbol,
                timeframe.value,
                -_FOREVER if since_ms is None else since_ms,
                _FOREVER if until_ms is None else until_ms,
                -1 if last is None else last,
            ),
        )
        table = np.array(list(map(tuple, rows)), dtype=_ROW)[:: -1 if latest_first else 1]
        return Candles(timeframe, *(np.ascontiguousarray(table[name]) for name in _ROW.names or ()))

    def coverage(self) -> tuple[Coverage, ...]:
        rows = self._database.rows(
            "SELECT exchange, symbol, timeframe, min(open_at_ms), max(open_at_ms), count(*) FROM candles"
            " GROUP BY exchange, symbol, timeframe ORDER BY exchange, symbol, timeframe"
        )
        return tuple(
            Coverage(
                exchange=row[0],
                symbol=row[1],
                timeframe=Timeframe(row[2]),
                first_at_ms=row[3],
                last_at_ms=row[4],
                count=row[5],
            )
            for row in rows
        )
