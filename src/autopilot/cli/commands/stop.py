"""autopilot stop: end a symbol, or all of them and the daemon."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from autopilot.cli.completion import complete_symbol
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.running import stopped_screen
from autopilot.cli.session import Session, address
from autopilot.cli.symbols import symbol_or_none
from autopilot.control.errors import DaemonNotRunning

STOP_TIMEOUT_S = 60.0
"""Flattening waits for the exchange."""
END_TIMEOUT_S = 10.0
_LOOK_AGAIN_S = 0.05


def stop(
    context: typer.Context,
    symbol: Annotated[
        str | None,
        typer.Option(
            "--symbol",
            metavar="SYMBOL",
            callback=symbol_or_none,
            autocompletion=complete_symbol,
            help="Only this symbol. Default: all, and the daemon.",
        ),
    ] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Sell the open positions first.")] = False,
    as_json: AsJson = False,
) -> int:
    """Stop one symbol, or all symbols and the daemon.

    Positions stay open unless --flatten is given. Exit code 3 when the daemon is not running.
    """
    session = Session.of(context, as_json)
    answer = session.client(STOP_TIMEOUT_S).post(address("stop"), {"symbol": symbol, "flatten": flatten})
    for warning in answer["warnings"]:
        session.output.remark(f"warning: {warning}")
    session.output.show(answer, stopped_screen(answer))
    if answer["daemon"] == "stopping" and not _ended(session):
        session.output.remark(f"the daemon is still busy ending after {END_TIMEOUT_S:.0f} s; try: autopilot status")
    return ExitCode.DONE


def _ended(session: Session) -> bool:
    """Whether the daemon ended in time, so that a start right after this command finds no daemon."""
    client, deadline = session.client(END_TIMEOUT_S), time.monotonic() + END_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            client.get("/health")
        except DaemonNotRunning:
            return True
        time.sleep(_LOOK_AGAIN_S)
    return False
