"""The names in the database, for completion on the command line. Standard library only."""

from __future__ import annotations

from pathlib import Path

from autopilot.adapters.store.database import open_readonly

_NEWEST = 50
STORED = "SELECT exchange, symbol FROM series UNION SELECT exchange, symbol FROM autopilots"
"""Exchange and symbol of all candles, and of what was started."""

_QUERIES = {
    "exchanges": f"SELECT DISTINCT exchange FROM ({STORED}) ORDER BY exchange",
    "symbols": f"SELECT DISTINCT symbol FROM ({STORED}) ORDER BY symbol",
    "models": f"SELECT id FROM models ORDER BY created_at_ms DESC LIMIT {_NEWEST}",
    "tasks": f"SELECT id FROM tasks ORDER BY created_at_ms DESC LIMIT {_NEWEST}",
    "decisions": f"SELECT id FROM decisions ORDER BY rowid DESC LIMIT {_NEWEST}",
}


def stored_names(database: Path, kind: str) -> list[str]:
    """The exchanges or the symbols that have candles or were started, or the ids of the newest ``models``, ``tasks`` or
    ``decisions``. Raises StoreError."""
    with open_readonly(database) as connection:
        return [row[0] for row in connection.execute(_QUERIES[kind])]
