"""Sales that no signal asked for. Standard library only."""

from __future__ import annotations

import sqlite3
from typing import Any

from autopilot.domain.timeframe import Timeframe

Document = dict[str, Any]

_EXITS = (
    "SELECT * FROM orders WHERE account = ? AND symbol = ? AND created_at_ms >= ? AND created_at_ms < ?"
    " AND side = 'sell' AND type <> 'stop' AND decision_id IS NULL ORDER BY created_at_ms, rowid"
)


def exits_after(connection: sqlite3.Connection, decision: Document) -> list[Document]:
    """Orders made between the close of the decided candle and that of the next: a stop, a target, a protection, or the
    user's own wish made them."""
    timeframe = Timeframe(decision["timeframe"])
    closed_at_ms = decision["candle_at_ms"] + timeframe.ms
    key = (decision["account"], decision["symbol"], closed_at_ms, closed_at_ms + timeframe.ms)
    return [dict(row) for row in connection.execute(_EXITS, key)]
