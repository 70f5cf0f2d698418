"""autopilot start, status, stop and daemon: the daemon, and the symbols it runs."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import Annotated, Any

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import (
    TimeframeName,
    complete_symbol,
    exchange_option,
    one_symbol_option,
    symbol_option,
    with_session,
)
from autopilot.cli.render.status import status_screen
from autopilot.cli.render.trading import started_screen, stopped_screen
from autopilot.cli.session import Session, address, symbol_or_none, symbols_of
from autopilot.cli.status_query import ask_status, show_status
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.credentials import Passphrase
from autopilot.domain.errors import StoreError
from autopilot.domain.timeframe import Timeframe

START_TIMEOUT_S = 20.0
"""The daemon answers after the first cycle or 10 s, whichever comes first."""
STOP_TIMEOUT_S = 60.0
"""Flattening waits for the exchange."""
END_TIMEOUT_S = 10.0
_POLL_S = 0.05
REFRESH_S = 2.0


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a number of seconds above 0")
    return value


@with_session
def start(
    session: Session,
    symbol: Annotated[
        list[str] | None, symbol_option(help="Such as BTC/USD; repeatable. Default: the configured ones.")
    ] = None,
    exchange: Annotated[
        str | None, exchange_option(help="Such as coinbase or kraken; replay and simulated need no network.")
    ] = None,
    timeframe: TimeframeName = None,
    interval: Annotated[
        float | None,
        typer.Option("--interval", metavar="SECONDS", callback=_positive, help="The time between two cycles."),
    ] = None,
    paper_trading: Annotated[
        bool | None, typer.Option("--paper/--live", help="Paper money or real money. Default: paper.")
    ] = None,
    auto_execute: Annotated[
        bool | None,
        typer.Option("--auto-execute/--no-auto-execute", help="Trade on signals, or only show them. Default: show."),
    ] = None,
) -> None:
    """Start the daemon if it is not running, and run these symbols.

    Missing options come from the configuration. A symbol that is running already does not change. If an exchange cannot
    be reached, Autopilot keeps trying: autopilot status shows it.
    """
    from autopilot.daemon.spawn import ensure_daemon

    wanted = {
        "symbols": symbols_of(symbol) or None,
        "exchange": exchange,
        "timeframe": Timeframe.parse(timeframe) if timeframe else None,
        "interval": interval,
        "paper_trading": paper_trading,
        "auto_execute": auto_execute,
    }
    # Checked before a daemon is started for nothing.
    body: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    arguments = [*session.places.arguments(), "daemon"]
    ensure_daemon(session.paths, arguments, passphrase=_passphrase(session, paper_trading))
    session.show(session.client(START_TIMEOUT_S).post(address("start"), body), started_screen)
    _warn_of_vacant_places(session)


@with_session
def stop(
    session: Session,
    symbol: Annotated[str | None, one_symbol_option(help="Only this symbol. Default: all, and the daemon.")] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Sell the open positions first.")] = False,
) -> None:
    """Stop one symbol, or all symbols and the daemon.

    Positions stay open unless --flatten is given. Exit code 3 when the daemon is not running.
    """
    answer = session.client(STOP_TIMEOUT_S).post(address("stop"), {"symbol": symbol, "flatten": flatten})
    for warning in answer["warnings"]:
        session.output.remark(f"warning: {warning}")
    session.show(answer, stopped_screen)
    if answer["daemon"] == "stopping" and not _has_ended(session):
        session.output.remark(f"the daemon is still busy ending after {END_TIMEOUT_S:.0f} s; try: autopilot status")


def _warn_of_vacant_places(session: Session) -> None:
    """Name the champions that an upgrade took out of place."""
    from autopilot.adapters.store.views.vacant_places import vacant_places

    with suppress(StoreError):
        for place in vacant_places(session.paths.database):
            session.output.remark(f"warning: {place}; autopilot status shows what to do")


def daemon(context: typer.Context) -> int:
    """Run the daemon in the foreground, for systemd; people use autopilot start.

    It ends with SIGTERM, SIGINT or autopilot stop.
    """
    from autopilot.daemon.wiring import serve

    return serve(Session.of(context, as_json=False).paths)


def _passphrase(session: Session, paper_trading: bool | None) -> Passphrase | None:
    """The passphrase of the exchange keys if a daemon must be started and needs it, else None."""
    from autopilot.cli.secret_input import unlocked_by

    try:
        session.client().get("/health")
    except DaemonNotRunning:
        return unlocked_by(session)[0] if _is_real_money(session, paper_trading) else None
    return None


def _is_real_money(session: Session, paper_trading: bool | None) -> bool:
    """Whether the command wants real money, or a symbol traded it when the last daemon ended."""
    from autopilot.adapters.store.views.queries import trades_real_money

    if not session.paths.vault.exists():
        return False
    if not (session.config.paper_trading if paper_trading is None else paper_trading):
        return True
    # A database that cannot be read yet is for the daemon to mend or to name.
    with suppress(StoreError):
        return trades_real_money(session.paths.database)
    return False


def _has_ended(session: Session) -> bool:
    """Whether the daemon ended in time, so that a start right after this command finds no daemon."""
    client, deadline = session.client(END_TIMEOUT_S), time.monotonic() + END_TIMEOUT_S
    while time.monotonic() < deadline:
        try:
            client.get("/health")
        except DaemonNotRunning:
            return True
        time.sleep(_POLL_S)
    return False


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
