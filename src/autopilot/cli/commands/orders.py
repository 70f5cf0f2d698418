"""autopilot orders: every order and its state."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.books import orders_screen
from autopilot.cli.session import Session


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
    return Session.of(context, as_json).query("orders", orders_screen, symbol=symbol, limit=limit, open_only=open_only)
