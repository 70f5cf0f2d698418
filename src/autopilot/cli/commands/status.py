"""autopilot status: the running symbols, the accounts, and the problems."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import complete_symbol, with_session
from autopilot.cli.render.refreshed import in_place
from autopilot.cli.render.status import status_screen
from autopilot.cli.session import Session, symbol_or_none
from autopilot.cli.status_query import ask_status, show_status

REFRESH_S = 2.0


@with_session
def status(
    session: Session,
    symbol: Annotated[
        str | None,
        typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="Only this symbol, such as BTC/USD."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every 2 s until Ctrl-C.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="For scripts: exit code 1 if there is a problem that needs you.")
    ] = False,
) -> int:
    """Show the running symbols: market, strategy, last decision, position.

    Without a daemon: the last known state, and exit code 3. A position or a live order that no running symbol manages
    is an error. --check fails at every error, and at some warnings, such as a wrong clock.
    """
    if watch and check:
        raise UsageProblem("--watch never ends, so --check would have no exit code", hint="omit one of them")
    if watch:
        _watch(session, symbol)
    return show_status(session, symbol, check=check)


def _watch(session: Session, symbol: str | None) -> None:
    """Refresh in place on a terminal until interrupted; elsewhere there is no place to refresh."""
    output, client, ask = session.output, session.client(), ask_status(symbol_or_none(symbol))
    if output.as_json or not output.results.isatty():
        raise UsageProblem(
            "--watch needs a terminal and does not work with --json", hint="run autopilot status repeatedly instead"
        )
    with in_place(output.results) as show:
        while True:
            show(status_screen(ask(client), full=symbol is not None))
            time.sleep(REFRESH_S)
