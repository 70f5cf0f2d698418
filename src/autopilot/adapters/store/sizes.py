"""How large the database was each day, from which its growth is measured. Standard library only: status shows it."""

from __future__ import annotations

import shutil

from autopilot.adapters.store.database import Database, Store
from autopilot.domain.document_types import Document
from autopilot.domain.timeframe import DAY_MS, day_of

REMEMBERED_DAYS = 30
MEASURED_DAYS = 7
"""Growth is that since the first size of these days, which must be a day old."""
_OLDEST = "SELECT at_ms, used_bytes FROM database_sizes WHERE at_ms BETWEEN ? AND ? ORDER BY at_ms LIMIT 1"


class SqliteSizes(Store):
    def record(self, now_ms: int) -> None:
        """Store the size if it is the first of its UTC day, and forget old ones. Raises StoreError."""
        day = day_of(now_ms)
        if self._database.row("SELECT 1 FROM database_sizes WHERE day = ?", (day,)):
            return
        with self._database.transaction(durable=False) as connection:
            connection.execute("INSERT INTO database_sizes VALUES (?, ?, ?)", (day, now_ms, _used(self._database)[0]))
            connection.execute("DELETE FROM database_sizes WHERE day < ?", (day - REMEMBERED_DAYS,))


def database_size(database: Database, now_ms: int) -> Document:
    """A `DatabaseDocument` without ``locked_at_ms``. ``now_ms``: the machine's time. Raises StoreError."""
    used, reusable = _used(database)
    free = shutil.disk_usage(database.path.parent).free
    before = database.row(_OLDEST, (now_ms - MEASURED_DAYS * DAY_MS, now_ms - DAY_MS))
    growth = round((used - before["used_bytes"]) * DAY_MS / (now_ms - before["at_ms"])) if before else None
    return {
        "bytes": used + reusable,
        "reusable_bytes": reusable,
        "disk_free_bytes": free,
        "growth_bytes_per_day": growth,
        "days_until_full": round((free + reusable) / growth, 1) if growth and growth > 0 else None,
    }


def _used(database: Database) -> tuple[int, int]:
    """Bytes in use, and bytes of free pages, which later rows take."""
    size, pages, free = (
        int(database.rows(f"PRAGMA {name}")[0][0]) for name in ("page_size", "page_count", "freelist_count")
    )
    return (pages - free) * size, free * size
