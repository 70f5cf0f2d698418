"""The latest equity mark of an account: decisions carry it, and the table ``equity`` has that of the last decision with
an order, so that most decisions need not write it. Standard library only.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from autopilot.adapters.store.compact_documents import decision_document
from autopilot.adapters.store.views.decided_series import newest_of_each

FIELDS = ("free", "equity", "day_start_equity", "peak_equity", "start_equity", "own_cash")
_LATEST = f"""
{newest_of_each("d.id, d.decided_at_ms, d.document", "account = :account AND symbol LIKE '%/' || :currency")}
ORDER BY d.rowid DESC LIMIT 1
"""
_EVERY = "SELECT * FROM equity ORDER BY account, currency"


def latest_marks(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The columns of ``equity`` by name, as of the latest decision of each account. Raises StoreCorrupt."""
    return [_latest(connection, dict(row)) for row in connection.execute(_EVERY)]


def latest_mark(connection: sqlite3.Connection, account: str, currency: str) -> dict[str, Any] | None:
    """The same for one of them; None without a mark. Raises StoreCorrupt."""
    key = (account, currency)
    row = connection.execute("SELECT * FROM equity WHERE account = ? AND currency = ?", key).fetchone()
    return _latest(connection, dict(row)) if row else None


def _latest(connection: sqlite3.Connection, mark: dict[str, Any]) -> dict[str, Any]:
    row = connection.execute(_LATEST, {"account": mark["account"], "currency": mark["currency"]}).fetchone()
    if row is None or row["document"] is None:
        return mark
    provenance = decision_document(row["document"], row["id"]).get("provenance")
    if not provenance:
        return mark
    state = provenance["account"]
    return mark | {"at_ms": row["decided_at_ms"]} | {name: state[name] for name in FIELDS}
