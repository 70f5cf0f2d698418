"""The rows of ``armings`` against what the audit log tells of them: who changes the one has not changed the other.
Standard library only: a query must answer at once."""

from __future__ import annotations

import json
import sqlite3
from enum import StrEnum
from typing import Any

from autopilot.adapters.store.database import Database
from autopilot.domain.audit import canonical


class ArmingEvent(StrEnum):
    """What an audit row of the kind ``arming`` tells of. The last one of an account counts."""

    ARMED = "armed"
    DISARMED = "disarmed"
    EXPIRED = "expired"


# Canonical JSON has this text in it where, and only where, the account is this one.
_LAST = "SELECT body FROM audit WHERE kind = 'arming' AND instr(body, ?) ORDER BY seq DESC LIMIT 1"


def told_of(database: Database, row: sqlite3.Row) -> ArmingEvent | None:
    """The last that was told of a row of ``armings``; None where what was told is not what the row holds. Raises
    StoreError."""
    found = database.row(_LAST, (canonical({"account": row["account"]})[1:-1],))
    body = _parsed(found["body"]) if found else {}
    event = body.pop("event", None)
    held = dict(row)
    return ArmingEvent(event) if event in list(ArmingEvent) and body.items() <= held.items() else None


def altered_armings(database: Database) -> tuple[str, ...]:
    """The accounts whose row is not what was told. Raises StoreError."""
    rows = database.rows("SELECT * FROM armings ORDER BY account")
    return tuple(row["account"] for row in rows if told_of(database, row) is None)


def _parsed(text: str) -> dict[str, Any]:
    """Empty where it is no JSON object: an edited row tells of nothing."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
