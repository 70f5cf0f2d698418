"""The latest equity mark of an account: decisions carry it, and the table ``equity`` has that of the last decision with
an order, so that most decisions need not write it. Standard library only.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import Any

from autopilot.adapters.store.compact_documents import decision_document
from autopilot.adapters.store.views.decided_series import newest_of_each
from autopilot.domain.errors import StoreCorrupt

FIELDS = ("free", "equity", "day_start_equity", "peak_equity", "start_equity", "own_cash")
_LATEST = f"""
{newest_of_each("d.id, d.decided_at_ms, d.document", "account = :account AND symbol LIKE '%/' || :currency")}
ORDER BY d.rowid DESC LIMIT 1
"""
_BACKWARD = """
SELECT id, decided_at_ms, document FROM decisions WHERE account = :account AND symbol LIKE '%/' || :currency
ORDER BY rowid DESC
"""
_EVERY = "SELECT * FROM equity ORDER BY account, currency"


def latest_marks(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    """The columns of ``equity`` by name, as of the latest readable decision of each account."""
    return [_latest(connection, dict(row)) for row in connection.execute(_EVERY)]


def latest_mark(connection: sqlite3.Connection, account: str, currency: str) -> dict[str, Any] | None:
    """The same for one of them; None without a mark."""
    key = (account, currency)
    row = connection.execute("SELECT * FROM equity WHERE account = ? AND currency = ?", key).fetchone()
    return _latest(connection, dict(row)) if row else None


def _latest(connection: sqlite3.Connection, mark: dict[str, Any]) -> dict[str, Any]:
    key = {"account": mark["account"], "currency": mark["currency"]}
    row = connection.execute(_LATEST, key).fetchone()
    try:
        return mark | _carried(row)
    except StoreCorrupt as damage:
        return _latest_readable(connection, mark, damage)


def _latest_readable(connection: sqlite3.Connection, mark: dict[str, Any], damage: StoreCorrupt) -> dict[str, Any]:
    """The mark of the last readable decision, unless that of the table is newer. A position must not stay unmonitored
    because one stored decision was damaged."""
    import logging

    logging.getLogger(__name__).warning("%s; the figures of account %s are older ones", damage, mark["account"])
    for row in connection.execute(_BACKWARD, {"account": mark["account"], "currency": mark["currency"]}):
        with suppress(StoreCorrupt):
            return max(mark, mark | _carried(row), key=lambda each: int(each["at_ms"]))
    return mark


def _carried(row: sqlite3.Row | None) -> dict[str, Any]:
    """The columns that the decision's document has; none of a decision of an earlier version. Raises StoreCorrupt."""
    if row is None or row["document"] is None:
        return {}
    provenance = decision_document(row["document"], row["id"]).get("provenance")
    if not provenance:
        return {}
    state = provenance["account"]
    return {"at_ms": row["decided_at_ms"]} | {name: state[name] for name in FIELDS}
