"""autopilot decisions: every decided candle and the result."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from autopilot.cli.options import AsJson, Limit, OneSymbol
from autopilot.cli.render.decisions import decisions_screen
from autopilot.cli.session import Session


class CameTo(StrEnum):
    """The values of the domain's Action, without the numpy that its module needs."""

    HOLD = "hold"
    SIGNAL = "signal"
    DENIED = "denied"
    ORDER = "order"


def decisions(
    context: typer.Context,
    symbol: OneSymbol = None,
    action: Annotated[CameTo | None, typer.Option("--action", help="Only decisions with this action.")] = None,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> int:
    """List the decision for each closed candle, the latest first.

    Without a daemon: from the database, and exit code 3.
    """
    return Session.of(context, as_json).query("decisions", decisions_screen, symbol=symbol, limit=limit, action=action)
