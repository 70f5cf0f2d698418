"""autopilot positions: the open positions."""

from __future__ import annotations

import typer

from autopilot.cli.options import AsJson
from autopilot.cli.render.books import positions_screen
from autopilot.cli.session import Session

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def positions(context: typer.Context, as_json: AsJson = False) -> int:
    """What is held, what it cost, and where its stop and target are.

    Without a daemon: what the database remembers, and exit code 3.
    """
    return Session.of(context, as_json).query("positions", positions_screen)
