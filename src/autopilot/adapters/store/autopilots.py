"""The running set in SQLite."""

from __future__ import annotations

import sqlite_utils

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.rows import from_row, to_row
from autopilot.ports.autopilots import AutopilotEntry


class SqliteAutopilots:
    """An AutopilotStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_autopilot(self, entry: AutopilotEntry) -> None:
        with self._database.transaction(durable=True) as connection:
            sqlite_utils.Database(connection).table("autopilots").upsert(to_row(entry), pk="symbol")

    def load_autopilots(self) -> tuple[AutopilotEntry, ...]:
        rows = self._database.rows("SELECT * FROM autopilots ORDER BY started_at_ms, symbol")
        return tuple(from_row(AutopilotEntry, row) for row in rows)
