"""Compares the rows of ``armings`` with the audit log: whoever edits a row has not edited the log.

Standard library only: a query must answer at once.
"""

from __future__ import annotations

import sqlite3
from enum import StrEnum

from autopilot.adapters.json_text import json_object
from autopilot.adapters.store.database import Database
from autopilot.domain.audit import canonical


class ArmingEvent(StrEnum):
    """The event of an audit row of kind ``arming``. The last event of an account counts."""

    ARMED = "armed"
    DISARMED = "disarmed"
    EXPIRED = "expired"


# Canonical JSON has this text in it where, and only where, the account is this one.
_LAST = "SELECT body FROM audit WHERE kind = 'arming' AND instr(body, ?) ORDER BY seq DESC LIMIT 1"


def recorded_event(database: Database, row: sqlite3.Row) -> ArmingEvent | None:
    """The last audit event of this arming; None if it does not match the row. Raises StoreError."""
    found = database.row(_LAST, (canonical({"account": row["account"]})[1:-1],))
    body = json_object(found["body"]) if found else {}
    event = body.pop("event", None)
    held = dict(row)
    return ArmingEvent(event) if event in list(ArmingEvent) and body.items() <= held.items() else None


def altered_armings(database: Database) -> tuple[str, ...]:
    """The accounts whose arming does not match the audit log. Raises StoreError."""
    rows = database.rows("SELECT * FROM armings ORDER BY account")
    return tuple(row["account"] for row in rows if recorded_event(database, row) is None)
