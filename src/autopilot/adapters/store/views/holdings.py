"""The symbols that have a position or a live order, account by account. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.rows import IS_OPEN
from autopilot.adapters.store.views.decided_series import newest_of_each
from autopilot.domain.account import is_live
from autopilot.domain.timeframe import Timeframe

SMALL_UNITS = frozenset(
    {
        "USD",
        "USDT",
        "USDC",
        "FDUSD",
        "PYUSD",
        "RLUSD",
        "DAI",
        "EUR",
        "GBP",
        "CHF",
        "CAD",
        "AUD",
        "JPY",
        "KRW",
        "TRY",
        "BRL",
    }
)
"""Currencies of which a unit is worth about a dollar or less."""
_POSITIONS = "SELECT account, symbol, quantity, entry_price, opened_at_ms FROM positions ORDER BY opened_at_ms DESC"
_ORDERS = f"SELECT * FROM orders WHERE {IS_OPEN} ORDER BY created_at_ms, rowid"
_TIMEFRAME = f"""
{newest_of_each("d.timeframe", "account = ?1 AND symbol = ?2")} ORDER BY d.candle_at_ms DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Holding:
    """What an account has of one symbol. ``quantity`` is None without a position; ``timeframe`` is that of the last
    decision, None if there was no decision."""

    account: str
    symbol: str
    quantity: Decimal | None
    value: Decimal
    """At the entry price; 0 without a position."""
    orders: tuple[sqlite3.Row, ...]
    """Those that are not over."""
    timeframe: Timeframe | None

    @property
    def is_dust(self) -> bool:
        """Whether it is worth less than a unit of its quote currency, which no exchange takes an order of. In other
        currencies, such as BTC, a unit is worth a lot."""
        is_small = self.symbol.partition("/")[2] in SMALL_UNITS and self.value < 1
        return is_small and not self.orders


def holdings(connection: sqlite3.Connection) -> tuple[Holding, ...]:
    """The latest position first, then those that have only orders. Raises StoreError."""
    positions = {(row["account"], row["symbol"]): row for row in connection.execute(_POSITIONS)}
    orders: dict[tuple[str, str], list[sqlite3.Row]] = {}
    for order in connection.execute(_ORDERS):
        orders.setdefault((order["account"], order["symbol"]), []).append(order)
    return tuple(
        _holding(connection, key, positions.get(key), orders.get(key, ()))
        for key in dict.fromkeys([*positions, *orders])
    )


def stored_holdings(database: Path) -> tuple[Holding, ...]:
    """As `holdings`, without a connection."""
    with open_readonly(database) as connection:
        return holdings(connection)


def takes_up_real_money(database: Path, symbols: Collection[str] = ()) -> bool:
    """Whether `autopilot start` takes up a symbol with real money: one that ran or is held, of ``symbols`` (empty: of
    all), or one that every daemon resumes. The database may have an earlier version. Raises StoreError."""
    with open_readonly(database, oldest=1) as connection:
        entries = connection.execute("SELECT * FROM autopilots WHERE paper_trading = 0").fetchall()
        resumed = any(entry["running"] for entry in entries)
        suspended = {entry["symbol"] for entry in entries if "suspended" in entry.keys() and entry["suspended"]}  # noqa: SIM118 - of a Row
        held = {each.symbol for each in holdings(connection) if is_live(each.account) and not each.is_dust}
    return resumed or bool(suspended | held if not symbols else (suspended | held) & set(symbols))


def _holding(
    connection: sqlite3.Connection, key: tuple[str, str], held: sqlite3.Row | None, orders: Sequence[sqlite3.Row]
) -> Holding:
    last = connection.execute(_TIMEFRAME, key).fetchone()
    return Holding(
        *key,
        quantity=Decimal(held["quantity"]) if held else None,
        value=Decimal(held["quantity"]) * Decimal(held["entry_price"]) if held else Decimal(0),
        orders=tuple(orders),
        timeframe=Timeframe(last["timeframe"]) if last else None,
    )
