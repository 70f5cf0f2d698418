"""autopilot positions: the open positions."""

from __future__ import annotations

import typer

from autopilot.cli.options import AsJson
from autopilot.cli.render.books import positions_screen
from autopilot.cli.session import Session


def positions(context: typer.Context, as_json: AsJson = False) -> int:
    """List open positions with cost, stop and target.

    Without a daemon: from the database, and exit code 3.
    """
    return Session.of(context, as_json).query("positions", positions_screen)
