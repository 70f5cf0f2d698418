"""autopilot start: make sure that the daemon runs, and let it run the symbols."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import Annotated, Any

import typer

from autopilot.cli.completion import complete_exchange, complete_symbol
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, TimeframeName
from autopilot.cli.render.running import started_screen
from autopilot.cli.session import Session, address
from autopilot.cli.symbols import symbol_of
from autopilot.cli.unlocking import passphrase_of
from autopilot.config.paths import Paths
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.credentials import Passphrase
from autopilot.domain.errors import StoreError
from autopilot.domain.timeframe import Timeframe

START_TIMEOUT_S = 20.0
"""The daemon answers after the first cycle or 10 s, whichever comes first."""


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a number of seconds above 0")
    return value


def start(
    context: typer.Context,
    symbol: Annotated[
        list[str] | None,
        typer.Option(
            "--symbol",
            metavar="SYMBOL",
            autocompletion=complete_symbol,
            help="Such as BTC/USD; repeatable. Default: the configured ones.",
        ),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="NAME",
            autocompletion=complete_exchange,
            help="Such as coinbase or kraken; replay and simulated need no network.",
        ),
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
    as_json: AsJson = False,
) -> int:
    """Start the daemon if it is not running, and run these symbols.

    Missing options come from the configuration. A symbol that is running already does not change. If an exchange cannot
    be reached, Autopilot keeps trying: autopilot status shows it.
    """
    session = Session.of(context, as_json)
    wanted = {
        "symbols": _checked(symbol),
        "exchange": exchange,
        "timeframe": Timeframe.parse(timeframe) if timeframe else None,
        "interval": interval,
        "paper_trading": paper_trading,
        "auto_execute": auto_execute,
    }
    body: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    _ensure_daemon(session, [*context.obj.arguments(), "daemon"], paper_trading)
    answer = session.client(START_TIMEOUT_S).post(address("start"), body)
    session.output.show(answer, started_screen(answer))
    return ExitCode.DONE


def _checked(symbols: list[str] | None) -> list[str] | None:
    """Raises UnknownSymbol before a daemon is started for nothing."""
    return [symbol_of(symbol) for symbol in symbols or ()] or None


def _ensure_daemon(session: Session, arguments: list[str], paper_trading: bool | None) -> None:
    from autopilot.daemon.spawn import ensure_daemon

    ensure_daemon(session.paths, arguments, passphrase=_passphrase(session, paper_trading))


def _passphrase(session: Session, paper_trading: bool | None) -> Passphrase | None:
    """That of the exchange keys, where a daemon that is yet to be started needs it."""
    try:
        session.client().get("/health")
    except DaemonNotRunning:
        return passphrase_of(session) if _is_real_money(session.paths, paper_trading) else None
    return None


def _is_real_money(paths: Paths, paper_trading: bool | None) -> bool:
    """Whether the command wants real money, or a symbol traded it when the last daemon ended."""
    from autopilot.adapters.store.views.queries import trades_real_money
    from autopilot.config.load import load

    if not paths.vault.exists():
        return False
    if not (load(paths).config.paper_trading if paper_trading is None else paper_trading):
        return True
    # A database that cannot be read yet is for the daemon to mend or to name.
    with suppress(StoreError):
        return trades_real_money(paths.database)
    return False
