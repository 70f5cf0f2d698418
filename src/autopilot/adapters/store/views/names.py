"""The names in the database, for completion on the command line. Standard library only; every function raises
StoreError."""

from __future__ import annotations

from pathlib import Path

from autopilot.adapters.store.database import open_readonly

_NEWEST = 50
_STORED = """
    WITH RECURSIVE series(exchange, symbol) AS (
        SELECT (SELECT min(exchange) FROM candles), (SELECT symbol FROM candles ORDER BY exchange, symbol LIMIT 1)
        UNION ALL
        SELECT
            (SELECT later.exchange FROM candles AS later
                WHERE (later.exchange, later.symbol) > (series.exchange, series.symbol)
                ORDER BY later.exchange, later.symbol LIMIT 1),
            (SELECT later.symbol FROM candles AS later
                WHERE (later.exchange, later.symbol) > (series.exchange, series.symbol)
                ORDER BY later.exchange, later.symbol LIMIT 1)
        FROM series WHERE series.exchange IS NOT NULL
    )
    SELECT exchange, symbol FROM series WHERE exchange IS NOT NULL
    UNION SELECT exchange, symbol FROM autopilots
"""
"""It jumps from one series to the next in the index: DISTINCT would read every candle."""


def stored_exchanges(database: Path) -> list[str]:
    """The exchanges with candles or with a symbol that was started."""
    return _names(database, f"SELECT DISTINCT exchange FROM ({_STORED}) ORDER BY exchange")


def stored_symbols(database: Path) -> list[str]:
    """The symbols with candles, and those that were started."""
    return _names(database, f"SELECT DISTINCT symbol FROM ({_STORED}) ORDER BY symbol")


def model_ids(database: Path) -> list[str]:
    """The newest models first."""
    return _names(database, f"SELECT id FROM models ORDER BY created_at_ms DESC LIMIT {_NEWEST}")


def task_ids(database: Path) -> list[str]:
    """The newest tasks first."""
    return _names(database, f"SELECT id FROM tasks ORDER BY created_at_ms DESC LIMIT {_NEWEST}")


def decision_ids(database: Path) -> list[str]:
    """The newest decisions first."""
    return _names(database, f"SELECT id FROM decisions ORDER BY candle_at_ms DESC LIMIT {_NEWEST}")


def _names(database: Path, query: str) -> list[str]:
    with open_readonly(database) as connection:
        return [row[0] for row in connection.execute(query)]
