"""What is armed, how much of it is invested, and which symbols trade on it, read off a status document and the
database. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database, open_readonly
from autopilot.domain.account import exchange_of
from autopilot.domain.arming import Arming
from autopilot.domain.document_types import Document
from autopilot.domain.money import ZERO

_POSITIONS = "SELECT symbol, quantity, entry_price, cost FROM positions WHERE account = ?"
_ENTRIES = """
    SELECT symbol, quantity, filled, price, reference_price FROM orders WHERE account = ? AND purpose = 'entry'
        AND status NOT IN ('filled', 'canceled', 'rejected', 'expired')
"""


def with_real_money(database: Path, status: Document, now_ms: int) -> Document:
    """The status with its ``real_money``: every account that is armed at ``now_ms``, the machine's time, or on which a
    symbol runs with real money. Raises StoreError."""
    running = [each for each in status["symbols"] if each["running"] and not each["paper_trading"]]
    prices = {(each["account"], each["symbol"]): each["price"] for each in status["symbols"]}
    with open_readonly(database) as connection:
        store = SqliteArmings(Database(database, connection))
        holding = {account: found for account in store.accounts() if (found := store.holding(account, now_ms))}
        told = []
        for account in sorted({each["account"] for each in running} | holding.keys()):
            arming = holding.get(account) or store.of(account)
            symbols = [each["symbol"] for each in running if each["account"] == account]
            currency = holding[account].currency if account in holding else None
            armed = [symbol for symbol in symbols if _quote(symbol) == currency]
            told.append(
                {
                    "account": account,
                    "exchange": exchange_of(account),
                    "armed": currency is not None,
                    "arming": _arming(connection, store, arming, prices, now_ms) if arming else None,
                    "symbols": armed,
                    "unarmed_symbols": [symbol for symbol in symbols if symbol not in armed],
                }
            )
    return {**status, "real_money": told}


def _arming(
    connection: sqlite3.Connection,
    store: SqliteArmings,
    arming: Arming,
    prices: Mapping[tuple[str, str], float | None],
    now_ms: int,
) -> Document:
    account, currency = arming.account, arming.currency
    positions = connection.execute(_POSITIONS, (account,)).fetchall()
    entries = connection.execute(_ENTRIES, (account,)).fetchall()
    invested = _held(positions, currency, account, prices) + _ordered(entries, currency)
    return {
        "currency": currency,
        "max_value": format(arming.max_value, "f"),
        "limit": format(store.allowance(account, currency, now_ms).value, "f"),
        "invested": format(invested, "f"),
        "unproven": arming.unproven,
        "armed_at_ms": arming.armed_at_ms,
        "expires_at_ms": arming.expires_at_ms,
    }


def _held(
    positions: Sequence[sqlite3.Row], currency: str, account: str, prices: Mapping[tuple[str, str], float | None]
) -> Decimal:
    """At the last prices or, where that is more, at what was paid: as the check of an entry reckons it."""
    value = paid = ZERO
    for held in positions:
        if _quote(held["symbol"]) == currency:
            price = prices.get((account, held["symbol"]))
            value += Decimal(held["quantity"]) * Decimal(held["entry_price"] if price is None else str(price))
            paid += Decimal(held["cost"])
    return max(value, paid)


def _ordered(entries: Sequence[sqlite3.Row], currency: str) -> Decimal:
    """What entries that are still open would add."""
    found = ZERO
    for order in entries:
        if _quote(order["symbol"]) == currency:
            remaining = Decimal(order["quantity"]) - Decimal(order["filled"])
            found += remaining * Decimal(order["price"] or order["reference_price"])
    return found


def _quote(symbol: str) -> str:
    return symbol.partition("/")[2]
