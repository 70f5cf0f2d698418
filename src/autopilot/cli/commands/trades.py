"""autopilot trades: positions from opening to closing."""

from __future__ import annotations

import typer

from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.books import trades_screen
from autopilot.cli.session import Session


def trades(context: typer.Context, symbol: OneSymbol = None, limit: Limit = 20, as_json: AsJson = False) -> int:
    """List trades, which are closed positions, with their net result.

    Without a daemon: from the database, and exit code 3.
    """
    return Session.of(context, as_json).query("trades", trades_screen, symbol=symbol, limit=limit)
