"""autopilot trades: round trips, from flat to flat."""

from __future__ import annotations

from pathlib import Path

import typer

from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.books import trades_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document


def trades(context: typer.Context, symbol: OneSymbol = None, limit: Limit = 20, as_json: AsJson = False) -> int:
    """List trades, which are closed positions, with their net result.

    Without a daemon: from the database, and exit code 3.
    """

    def recall(database: Path) -> Document:
        from autopilot.adapters.store.views import queries

        return queries.trades(database, symbol, limit)

    asked = address("trades", symbol=symbol, limit=limit)
    return Session.of(context, as_json).answer(lambda daemon: daemon.get(asked), recall, trades_screen)
