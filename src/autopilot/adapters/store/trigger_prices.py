"""The prices between two closes that changed something on a paper account: `parity` needs them to do the same again."""

from __future__ import annotations

import sqlite3

from autopilot.adapters.store.database import Database
from autopilot.domain.market import Quote


def keep_trigger(connection: sqlite3.Connection, account: str, quote: Quote) -> None:
    """Store the price within the transaction of what it changed; again, it changes nothing."""
    connection.execute(
        "INSERT INTO trigger_prices (account, symbol, at_ms, price) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (account, quote.symbol, quote.at_ms, quote.price),
    )


def trigger_prices(database: Database, account: str) -> list[Quote]:
    """Those of the account, oldest first. Raises StoreError."""
    rows = database.rows(
        "SELECT symbol, price, at_ms FROM trigger_prices WHERE account = ? ORDER BY at_ms, symbol", (account,)
    )
    return [Quote(*row) for row in rows]
