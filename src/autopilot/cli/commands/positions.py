"""autopilot positions: what is held."""

from __future__ import annotations

from pathlib import Path

import typer

from autopilot.cli.options import AsJson
from autopilot.cli.render.books import positions_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document


def positions(context: typer.Context, as_json: AsJson = False) -> int:
    """List open positions with cost, stop and target.

    Without a daemon: from the database, and exit code 3.
    """

    def recall(database: Path) -> Document:
        from autopilot.adapters.store.views import queries

        return queries.positions(database)

    asked = address("positions")
    return Session.of(context, as_json).answer(lambda daemon: daemon.get(asked), recall, positions_screen)
