"""The paper exchange's state in SQLite, in tables of its own, as a real exchange has its own books."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from autopilot.adapters.store.database import Store, urgent
from autopilot.adapters.store.rows import from_row, stored_value, to_row
from autopilot.adapters.store.trigger_prices import keep_trigger
from autopilot.domain.order import Fill, Order, OrderReport
from autopilot.ports.broker import PaperChange, PaperStore


class SqlitePaper(Store, PaperStore):
    """Balances and orders of the paper exchange."""

    def load_paper(self, account: str) -> tuple[Mapping[str, Decimal], tuple[tuple[Order, OrderReport], ...]]:
        balances = self._database.rows("SELECT currency, total FROM paper_balances WHERE account = ?", (account,))
        orders = self._database.rows(
            'SELECT "order", report FROM paper_orders WHERE account = ? AND is_final = 0 ORDER BY rowid', (account,)
        )
        return {row[0]: Decimal(row[1]) for row in balances}, tuple(_order(row) for row in orders)

    def find_paper_order(self, account: str, client_order_id: str) -> tuple[Order, OrderReport] | None:
        row = self._database.row(
            'SELECT "order", report FROM paper_orders WHERE account = ? AND client_order_id = ?',
            (account, client_order_id),
        )
        return _order(row) if row else None

    @urgent
    def save_paper(self, change: PaperChange) -> None:
        with self._database.transaction(durable=True) as connection:
            connection.executemany(
                "INSERT INTO paper_balances (account, currency, total) VALUES (?,?,?)"
                " ON CONFLICT DO UPDATE SET total = excluded.total",
                [(change.account, currency, format(total, "f")) for currency, total in change.balances.items()],
            )
            connection.executemany(
                'INSERT INTO paper_orders (account, client_order_id, is_final, "order", report) VALUES (?,?,?,?,?)'
                " ON CONFLICT DO UPDATE SET is_final = excluded.is_final, report = excluded.report",
                [
                    (
                        change.account,
                        order.client_order_id,
                        int(report.status.is_final),
                        json.dumps(to_row(order)),
                        json.dumps(to_row(report) | {"fills": [to_row(fill) for fill in report.fills]}),
                    )
                    for order, report in change.orders
                ],
            )
            if change.trigger:
                keep_trigger(connection, change.account, change.trigger)


def _order(row: sqlite3.Row) -> tuple[Order, OrderReport]:
    with stored_value("paper order"):
        report: dict[str, Any] = json.loads(row[1])
        fills = tuple(from_row(Fill, fill) for fill in report["fills"])
        return from_row(Order, json.loads(row[0])), from_row(OrderReport, report | {"fills": fills})
