"""The stored series that an older version may have imported wrongly, as their symbols and their volumes show it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from autopilot.adapters.imports.sense import volume_is_price
from autopilot.adapters.imports.suspects import Suspicion, suspicion_of
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_readonly
from autopilot.adapters.store.views.names import STORED
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

JUDGED = 200
"""The latest candles of a series, by which its volumes are judged."""


def series_suspicion(exchange: str, symbol: str, candles: Candles) -> Suspicion | None:
    """None for a series that looks right."""
    latest = candles[-JUDGED:]
    has_averages = volume_is_price(latest.low, latest.high, latest.volume)
    return suspicion_of(exchange, symbol, has_averages=has_averages)


def doubtful_series(database: Path) -> tuple[tuple[str, Suspicion], ...]:
    """Exchange and symbol, and what looks wrong about them; each once. Raises StoreError."""
    with open_readonly(database) as connection:
        opened = Database(database, connection)
        return tuple(
            (f"{exchange} {symbol}", suspicion)
            for exchange, symbol in opened.rows(STORED)
            if (suspicion := next(_suspicions(SqliteCandles(opened), exchange, symbol), None))
        )


def _suspicions(store: SqliteCandles, exchange: str, symbol: str) -> Iterator[Suspicion]:
    for timeframe in Timeframe:
        candles = store.load_candles(exchange, symbol, timeframe, last=JUDGED)
        suspicion = series_suspicion(exchange, symbol, candles) if len(candles) else None
        if suspicion:
            yield suspicion
