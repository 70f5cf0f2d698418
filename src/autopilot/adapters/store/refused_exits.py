"""The exits that an exchange refuses, read from the stored orders. Standard library only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import takewhile

from autopilot.adapters.store.database import Database, store_errors
from autopilot.adapters.store.rows import from_row
from autopilot.domain.order import Order, OrderStatus, OrderType, Side
from autopilot.domain.refusal import RefusedExit

# By rowid, the order of storing: the clock may have been set back. The latest order that the exchange accepted ends the
# search, and a position was bought with one.
_LATEST_FIRST = (
    "SELECT rowid, side, type, status, exchange_order_id FROM orders NOT INDEXED WHERE account = ? AND symbol = ?"
    " ORDER BY rowid DESC"
)
_ORDER = "SELECT * FROM orders WHERE rowid = ?"


def refused_exit(database: Database, account: str, symbol: str) -> RefusedExit | None:
    """The sales of a held symbol that the exchange refused since it last accepted an order of it. Raises StoreError."""
    with store_errors(database.path), closing(database.connection.execute(_LATEST_FIRST, (account, symbol))) as orders:
        refused = [row for row in takewhile(_was_not_accepted, orders) if _is_refused_sale(row)]
    if not refused:
        return None
    is_stop = refused[0]["type"] == OrderType.STOP
    alike = [row["rowid"] for row in refused if (row["type"] == OrderType.STOP) is is_stop]
    (first,), (last,) = (database.rows(_ORDER, (rowid,)) for rowid in (alike[-1], alike[0]))
    return RefusedExit(from_row(Order, first), from_row(Order, last), len(alike))


def _was_not_accepted(row: sqlite3.Row) -> bool:
    if row["status"] == OrderStatus.REJECTED:
        return True
    return not row["exchange_order_id"] and row["status"] != OrderStatus.FILLED


def _is_refused_sale(row: sqlite3.Row) -> bool:
    return bool(row["side"] == Side.SELL and row["status"] == OrderStatus.REJECTED)
