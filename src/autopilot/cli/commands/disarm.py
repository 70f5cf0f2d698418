"""autopilot disarm: take back the leave to trade real money."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.arming import disarmed_screen
from autopilot.cli.session import Session
from autopilot.domain.account import account_name

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def disarm(
    context: typer.Context,
    exchange: Annotated[
        str | None, typer.Option("--exchange", metavar="NAME", help="Only this exchange. Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Take back the leave to trade real money: at once, with a running daemon or without one.

    Nothing more is bought. What is held stays held, and its stop, its target and sell signals go on.
    """
    from autopilot.daemon.arming import open_armory

    session = Session.of(context, as_json)
    with open_armory(session.paths) as armory:
        ended = armory.disarm(account_name(exchange, paper=False) if exchange else None)
    document = {"disarmed": [arming.account for arming in ended]}
    session.output.show(document, disarmed_screen(document))
    return ExitCode.DONE
