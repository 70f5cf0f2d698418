"""autopilot status: the running symbols, their markets and their last decisions."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from autopilot.cli.completion import complete_symbol
from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import with_session
from autopilot.cli.render.status import status_screen
from autopilot.cli.session import Session
from autopilot.cli.status_query import ask_status, show_status
from autopilot.cli.symbols import symbol_or_none

REFRESH_S = 2.0


@with_session
def status(
    session: Session,
    symbol: Annotated[
        str | None,
        typer.Argument(metavar="SYMBOL", autocompletion=complete_symbol, help="Only this symbol, such as BTC/USD."),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh every 2 s until Ctrl-C.")] = False,
) -> int:
    """Show the running symbols: market, strategy, last decision, position.

    Without a daemon: the last known state, and exit code 3.
    """
    if watch:
        _watch(session, symbol)
    return show_status(session, symbol)


def _watch(session: Session, symbol: str | None) -> None:
    """Refresh in place on a terminal until interrupted; elsewhere there is no place to refresh."""
    output, client, ask = session.output, session.client(), ask_status(symbol_or_none(symbol))
    if output.as_json or not output.results.isatty():
        raise UsageProblem("--watch needs a terminal, and no --json", hint="autopilot status, as often as you like")
    from rich.live import Live

    from autopilot.cli.render.terminal import console, rendered

    target = console(output.results)
    with Live(console=target, auto_refresh=False, screen=True) as live:
        while True:
            live.update(rendered(status_screen(ask(client), full=symbol is not None), target.width), refresh=True)
            time.sleep(REFRESH_S)
