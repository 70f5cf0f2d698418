"""autopilot orders: every order, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.books import orders_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document


def orders(
    context: typer.Context,
    symbol: OneSymbol = None,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that may still be filled.")] = False,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> int:
    """List orders with their status, the latest first.

    Without a daemon: from the database, and exit code 3.
    """

    def recall(database: Path) -> Document:
        from autopilot.adapters.store.views import queries

        return queries.orders(database, symbol, limit, open_only)

    asked = address("orders", symbol=symbol, limit=limit, open="true" if open_only else None)
    return Session.of(context, as_json).answer(lambda daemon: daemon.get(asked), recall, orders_screen)
