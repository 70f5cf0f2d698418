"""Whether the books agree with each other, to the last digit. Standard library only."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.stored_marks import latest_marks
from autopilot.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class BookCheck:
    """``disagreements`` in words, empty if the books agree. ``decisions`` counts closed candles, each decided once,
    also those whose decision was deleted since."""

    decisions: int
    orders: int
    fills: int
    disagreements: tuple[str, ...]


def check_books(database: Path) -> BookCheck:
    """Compares positions with the sum of fills minus write-offs, orders with their fills, paper cash with all payments,
    and decisions with the stored candles between the first and the last. Raises StoreError."""
    with open_readonly(database) as connection:
        fills = connection.execute("SELECT * FROM fills").fetchall()
        return BookCheck(
            decisions=_count(connection, "decisions") + _pruned(connection),
            orders=_count(connection, "orders"),
            fills=len(fills),
            disagreements=(
                *_positions(connection, fills),
                *_orders(connection, fills),
                *_cash(connection, fills),
                *_candles(connection),
            ),
        )


def _positions(connection: sqlite3.Connection, fills: list[sqlite3.Row]) -> list[str]:
    owned: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in fills:
        amount, is_purchase = Decimal(fill["quantity"]), fill["side"] == "buy"
        if is_purchase and fill["fee_currency"] == fill["symbol"].partition("/")[0]:
            amount -= Decimal(fill["fee"])
        owned[fill["account"], fill["symbol"]] += amount if is_purchase else -amount
    for trip in connection.execute("SELECT account, symbol, written_off FROM round_trips"):
        owned[trip["account"], trip["symbol"]] -= Decimal(trip["written_off"])
    for row in connection.execute("SELECT account, symbol, quantity FROM written_off"):
        owned[row["account"], row["symbol"]] -= Decimal(row["quantity"])
    held = {
        (row["account"], row["symbol"]): Decimal(row["quantity"])
        for row in connection.execute("SELECT account, symbol, quantity FROM positions")
    }
    return [
        f"{symbol} in {account}: position {held.get((account, symbol), ZERO)}, fills make {total}"
        for (account, symbol), total in (owned | {key: owned[key] for key in held}).items()
        if held.get((account, symbol), ZERO) != total
    ]


def _orders(connection: sqlite3.Connection, fills: list[sqlite3.Row]) -> list[str]:
    filled: dict[str, Decimal] = defaultdict(Decimal)
    for fill in fills:
        filled[fill["client_order_id"]] += Decimal(fill["quantity"])
    return [
        f"order {row['client_order_id']}: filled {row['filled']}, its fills make {filled[row['client_order_id']]}"
        for row in connection.execute("SELECT client_order_id, filled FROM orders")
        if Decimal(row["filled"]) != filled[row["client_order_id"]]
    ]


def _cash(connection: sqlite3.Connection, fills: list[sqlite3.Row]) -> list[str]:
    """Only paper accounts, because the paper exchange has books of its own. Write-offs count as withdrawals there, of
    which it knows nothing: the first mark after one lowers the starting equity by its value."""
    paper = {
        (row["account"], row["currency"]): Decimal(row["total"])
        for row in connection.execute("SELECT account, currency, total FROM paper_balances")
    }
    earned: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for fill in fills:
        currency = fill["symbol"].partition("/")[2]
        value = Decimal(fill["quantity"]) * Decimal(fill["price"])
        fee = Decimal(fill["fee"]) if fill["fee_currency"] == currency else ZERO
        earned[fill["account"], currency] += (-value if fill["side"] == "buy" else value) - fee
    traded = {
        (row["account"], row["currency"]): Decimal(row["amount"])
        for row in connection.execute("SELECT account, currency, amount FROM traded_cash")
    }
    left = {}
    for row in latest_marks(connection):
        key = (row["account"], row["currency"])
        if key in paper:
            booked = traded.get(key, earned[key])
            is_marked = row["own_cash"] is not None and Decimal(row["own_cash"]) == paper[key] - booked
            left[key] = Decimal(row["start_equity"]) + (booked if is_marked else earned[key])
    return [
        f"{currency} in {account}: the paper exchange has {paper[account, currency]}, our fills leave {total}"
        for (account, currency), total in left.items()
        if paper[account, currency] != total
    ]


def _candles(connection: sqlite3.Connection) -> list[str]:
    """Stored candles between the first and the last decision that were never decided. A replay stores its own. Of those
    whose decisions were deleted nothing is known."""
    return [
        f"{row['symbol']} {row['timeframe']} on {row['exchange']}: {row['missed']} closed candles were never decided"
        for row in connection.execute(
            "WITH decided AS (SELECT account, exchange, symbol, timeframe, min(candle_at_ms) AS first,"
            "   max(candle_at_ms) AS last FROM decisions GROUP BY account, exchange, symbol, timeframe)"
            " SELECT decided.*, count(*) AS missed FROM decided JOIN series USING (exchange, symbol, timeframe)"
            " JOIN candles ON candles.series = series.id"
            " LEFT JOIN pruned_decisions USING (account, symbol, timeframe)"
            " WHERE candles.open_at_ms BETWEEN max(first, coalesce(until_ms, first)) AND last"
            "   AND NOT EXISTS (SELECT 1 FROM decisions"
            "   WHERE decisions.account = decided.account AND decisions.symbol = decided.symbol"
            "   AND decisions.timeframe = decided.timeframe AND decisions.candle_at_ms = candles.open_at_ms)"
            " GROUP BY decided.account, decided.exchange, decided.symbol, decided.timeframe"
        )
    ]


def _pruned(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT total(decisions) FROM pruned_decisions").fetchone()[0])


def _count(connection: sqlite3.Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
