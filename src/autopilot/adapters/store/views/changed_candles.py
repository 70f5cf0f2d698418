"""Whether the candles that a decision was made on have changed since. Standard library only."""

from __future__ import annotations

import sqlite3
from array import array

from autopilot.domain.document_types import Document
from autopilot.domain.window_hash import window_hash_of

_WINDOW = (
    "SELECT open_at_ms, open, high, low, close, volume FROM candles WHERE series ="
    " (SELECT id FROM series WHERE exchange = ? AND symbol = ? AND timeframe = ?) AND open_at_ms <= ?"
    " ORDER BY open_at_ms DESC LIMIT ?"
)


def candles_changed(connection: sqlite3.Connection, decision: Document) -> bool | None:
    """Whether the stored candles of the window of a `DecisionDocument` have other numbers than then, because the
    exchange revised some or because some came later. None if that cannot be known: on an offline market, with candles
    of another exchange, without provenance, or if they are no longer stored."""
    basis, provenance = decision.get("basis"), decision.get("provenance")
    if decision["market"] != "real" or not basis or not provenance or basis["joined"]:
        return None
    names, count = (decision["exchange"], decision["symbol"], decision["timeframe"]), basis["count"]
    rows = connection.execute(_WINDOW, (*names, decision["candle_at_ms"], count)).fetchall()
    if len(rows) < count:
        return None
    columns = zip(*map(tuple, reversed(rows)), strict=True)
    packed = (array(kind, column).tobytes() for kind, column in zip("qddddd", columns, strict=True))
    found: str = provenance["window_hash"]
    return window_hash_of(*names, count, packed) != found
