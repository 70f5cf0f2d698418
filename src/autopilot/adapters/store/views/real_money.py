"""The armed accounts of a status: how much is invested, and which symbols trade. Standard library only."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from decimal import Decimal

from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.rows import IS_OPEN
from autopilot.domain.account import exchange_of
from autopilot.domain.arming import Arming
from autopilot.domain.document_types import Document
from autopilot.domain.money import ZERO

_POSITIONS = "SELECT symbol, quantity, entry_price, cost FROM positions WHERE account = ?"
_ENTRIES = f"""
    SELECT symbol, quantity, filled, price, reference_price FROM orders
    WHERE account = ? AND purpose = 'entry' AND {IS_OPEN}
"""


def real_money(database: Database, symbols: Sequence[Document], now_ms: int) -> list[Document]:
    """A `RealMoneyDocument` for each account that is armed at ``now_ms`` (the machine's time), or on which one of
    ``symbols`` runs with real money. Raises StoreError."""
    running = [each for each in symbols if each["running"] and not each["paper_trading"]]
    prices = {(each["account"], each["symbol"]): each["price"] for each in symbols}
    store = SqliteArmings(database)
    holding = {account: found for account in store.accounts() if (found := store.holding(account, now_ms))}
    documents = []
    for account in sorted({each["account"] for each in running} | holding.keys()):
        arming = holding.get(account) or store.of(account)
        on_account = [each["symbol"] for each in running if each["account"] == account]
        currency = holding[account].currency if account in holding else None
        armed = [symbol for symbol in on_account if _quote(symbol) == currency]
        documents.append(
            {
                "account": account,
                "exchange": exchange_of(account),
                "armed": currency is not None,
                "arming": _arming(database, store, arming, prices, now_ms) if arming else None,
                "symbols": armed,
                "unarmed_symbols": [symbol for symbol in on_account if symbol not in armed],
            }
        )
    return documents


def _arming(
    database: Database,
    store: SqliteArmings,
    arming: Arming,
    prices: Mapping[tuple[str, str], float | None],
    now_ms: int,
) -> Document:
    account, currency = arming.account, arming.currency
    positions = database.rows(_POSITIONS, (account,))
    entries = database.rows(_ENTRIES, (account,))
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
    """The value of the positions in ``currency``: at the last prices or at cost, whichever is higher, as the check of
    an entry computes it."""
    value = paid = ZERO
    for held in positions:
        if _quote(held["symbol"]) == currency:
            price = prices.get((account, held["symbol"]))
            value += Decimal(held["quantity"]) * Decimal(held["entry_price"] if price is None else str(price))
            paid += Decimal(held["cost"])
    return max(value, paid)


def _ordered(entries: Sequence[sqlite3.Row], currency: str) -> Decimal:
    """The value that open entry orders in ``currency`` would add."""
    found = ZERO
    for order in entries:
        if _quote(order["symbol"]) == currency:
            remaining = Decimal(order["quantity"]) - Decimal(order["filled"])
            found += remaining * Decimal(order["price"] or order["reference_price"])
    return found


def _quote(symbol: str) -> str:
    return symbol.partition("/")[2]
