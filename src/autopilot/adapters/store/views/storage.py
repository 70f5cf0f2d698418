"""How much the database holds, and how much of it is still to be made compact. Standard library only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from autopilot.adapters.store.database import open_readonly
from autopilot.domain.document_types import Document

_PLAIN = {
    "plain_decisions": "decisions INDEXED BY decisions_plain WHERE document IS NULL",
    "plain_samples": "performance_samples INDEXED BY samples_plain WHERE returns IS NULL",
}


def plain_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """How many decisions and samples are still as an earlier version stored them, by `_PLAIN`."""
    return {name: _count(connection, rows) for name, rows in _PLAIN.items()}


def storage(database: Path) -> Document:
    """The numbers of rows, and the bytes of the file. Raises StoreError."""
    with open_readonly(database) as connection:
        size, pages, free = (
            int(connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_size", "page_count", "freelist_count")
        )
        return {
            "decisions": _count(connection, "decisions"),
            "samples": _count(connection, "performance_samples"),
            **plain_rows(connection),
            "bytes": size * pages,
            "reusable_bytes": size * free,
        }


def _count(connection: sqlite3.Connection, rows: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {rows}").fetchone()[0])
