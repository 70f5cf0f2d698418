"""autopilot start, stop, restart and daemon: the daemon, and the symbols it runs."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Annotated, Any

import typer

from autopilot.adapters.lock import AlreadyRunning, hold_lock
from autopilot.cli.options import (
    TimeframeName,
    known_exchange_option,
    one_symbol_option,
    symbol_option,
    with_session,
)
from autopilot.cli.render.trading import started_screen, stopped_screen
from autopilot.cli.session import Session, address, symbols_of
from autopilot.control.errors import ControlError, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.credentials import Passphrase
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError, StoreError
from autopilot.domain.timeframe import Timeframe

START_TIMEOUT_S = 60.0
"""The daemon lets a cycle under way end before it changes a symbol, then waits for first cycles: 12 s and twice 9 s."""
STOP_TIMEOUT_S = 60.0
"""Flattening waits for the exchange."""
END_TIMEOUT_S = 10.0
RESTART_TIMEOUT_S = 40.0
"""The daemon waits for cycles under way, and for clients that still read an answer."""
_POLL_S = 0.05


def _positive(value: float | None) -> float | None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise typer.BadParameter(f"{value} is not a number of seconds above 0")
    return value


@with_session
def start(
    session: Session,
    symbol: Annotated[
        list[str] | None, symbol_option(help="Such as BTC/USD; repeatable. Default: those that ran or are held.")
    ] = None,
    exchange: Annotated[
        str | None, known_exchange_option(help="Such as coinbase or kraken; replay and simulated need no network.")
    ] = None,
    timeframe: TimeframeName = None,
    interval: Annotated[
        float | None,
        typer.Option("--interval", metavar="SECONDS", callback=_positive, help="The time between two cycles."),
    ] = None,
    paper_trading: Annotated[
        bool | None, typer.Option("--paper/--live", help="Paper money or real money. Default: as before, else paper.")
    ] = None,
    auto_execute: Annotated[
        bool | None,
        typer.Option(
            "--auto-execute/--no-auto-execute",
            help="Trade on signals, or only show them. Default: as before, else show.",
        ),
    ] = None,
) -> int:
    """Start the daemon if it is not running, and run symbols.

    Without --symbol it takes up those that ran when the daemon last ended and those that hold a position or a live
    order, as they were; the configured ones only if there are none. Options change only the settings that they name.
    Exchange, timeframe and money of a held symbol do not change (exit code 5). If an exchange cannot be reached,
    Autopilot keeps trying: autopilot status shows it.
    """
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
    is_needed = _health(session) is None and _is_real_money(session, paper_trading, body.get("symbols", ()))
    return _start(session, body, _passphrase(session) if is_needed else None)


@with_session
def restart(session: Session) -> int:
    """End the daemon and start it again, with the symbols that ran and those that are held.

    After an upgrade or a change of the configuration. When no daemon runs, it starts one, as autopilot start does. The
    passphrase for real money is entered before the daemon ends.
    """
    _require_startable(session)
    health = _health(session)
    passphrase = _passphrase(session) if _is_real_money(session, None, ()) else None
    if health is not None:
        _end(session, int(health["pid"]))
    return _start(session, {}, passphrase)


@with_session
def stop(
    session: Session,
    symbol: Annotated[str | None, one_symbol_option(help="Only this symbol. Default: all, and the daemon.")] = None,
    flatten: Annotated[bool, typer.Option("--flatten", help="Sell the open positions first.")] = False,
) -> int:
    """Stop one symbol, or all symbols and the daemon.

    Positions stay open unless --flatten is given; autopilot start takes them up again. A symbol whose position could
    not be sold runs on (exit code 1). Exit code 3 when the daemon is not running.
    """
    answer = session.client(STOP_TIMEOUT_S).post(address("stop"), {"symbol": symbol, "flatten": flatten})
    for warning in answer["warnings"]:
        session.output.remark(f"warning: {warning}")
    code = session.show(answer, stopped_screen, is_done=not answer.get("left"))
    if answer["daemon"] == "stopping" and not _has_ended(session, END_TIMEOUT_S):
        session.output.remark(f"the daemon is still busy ending after {END_TIMEOUT_S:.0f} s; try: autopilot status")
    return code


def _warn_of_earlier_versions(session: Session) -> None:
    """Name the champions that an upgrade took out of place, and the candles that an earlier version read wrongly."""
    from autopilot.adapters.imports.doubtful_series import doubtful_series
    from autopilot.adapters.store.views.vacant_places import vacant_places

    with suppress(StoreError):
        for place in vacant_places(session.paths.database):
            session.output.remark(f"warning: {place}; autopilot status shows what to do")
        for series, suspicion in doubtful_series(session.paths.database):
            session.output.remark(f"warning: candles of {series}: {suspicion.words}; try: {suspicion.mend}")


def daemon(context: typer.Context) -> int:
    """Run the daemon in the foreground, for systemd; people use autopilot start.

    It ends with SIGTERM, SIGINT or autopilot stop.
    """
    from autopilot.daemon.wiring import serve

    return serve(Session.of(context, as_json=False).paths)


def _start(session: Session, body: dict[str, Any], passphrase: Passphrase | None) -> int:
    """Start the daemon if none runs, and symbols. A daemon that was started for nothing ends again."""
    from autopilot.daemon.spawn import ensure_daemon

    arguments = [*session.places.arguments(), "daemon"]
    is_new = ensure_daemon(session.paths, arguments, passphrase=passphrase, remark=session.output.remark).started
    try:
        answer = session.client(START_TIMEOUT_S).post(address("start"), body)
    except AutopilotError:
        if is_new:
            _end_if_idle(session)
        raise
    if is_new and not answer["started"] and not answer["already_running"]:
        _end_if_idle(session)
    for warning in answer.get("warnings", ()):
        session.output.remark(f"warning: {warning}")
    code = session.show(answer, partial(started_screen, is_new=is_new), is_done=not answer.get("left_out"))
    _warn_of_earlier_versions(session)
    return code


def _require_startable(session: Session) -> None:
    """Raises AutopilotError for what would keep the next daemon from starting: it must not end the one that runs."""
    from autopilot.adapters.store.database import open_readonly

    session.require_valid_configuration()
    if session.paths.database.exists():
        with open_readonly(session.paths.database, oldest=0):
            pass


def _end_if_idle(session: Session) -> None:
    with suppress(ControlError):
        symbols = session.client().get(address("status"))["symbols"]
        if not any(symbol["running"] for symbol in symbols):
            session.client().post(address("stop"))
            _has_ended(session, END_TIMEOUT_S)


def _health(session: Session) -> Document | None:
    """Who the daemon is; None if it is not running. Raises DaemonUnreachable."""
    with suppress(DaemonNotRunning):
        return session.client().get("/health")
    return None


def _end(session: Session, pid: int) -> None:
    """End the daemon by a signal, which a daemon of an earlier version also takes as the order to go on later."""
    from autopilot.daemon.spawn import StartFailed

    try:
        os.kill(pid, signal.SIGTERM)
    except ProcessLookupError:
        return
    except OSError as error:
        raise StartFailed(
            f"the daemon (process {pid}) cannot be ended: {error.strerror}", hint="run this as the user who started it"
        ) from error
    if not _has_ended(session, RESTART_TIMEOUT_S):
        raise StartFailed(
            f"the daemon (process {pid}) is still busy ending after {RESTART_TIMEOUT_S:.0f} s",
            hint="autopilot start, when it has ended",
        )


def _passphrase(session: Session) -> Passphrase:
    from autopilot.cli.secret_input import unlocked_by

    return unlocked_by(session)[0]


def _is_real_money(session: Session, paper_trading: bool | None, symbols: Sequence[str]) -> bool:
    """Whether a daemon that starts now needs the passphrase: the command wants real money, or a symbol that is taken up
    trades it."""
    from autopilot.adapters.store.views.holdings import takes_up_real_money

    if not session.paths.vault.exists():
        return False
    if not (session.config.paper_trading if paper_trading is None else paper_trading):
        return True
    # A database that cannot be read yet is for the daemon to mend or to name.
    with suppress(StoreError):
        return takes_up_real_money(session.paths.database, symbols)
    return False


def _has_ended(session: Session, limit_s: float) -> bool:
    """Whether the daemon ended in time: it neither answers nor holds the data directory, so that a start right after
    this command finds no daemon."""
    client, deadline = session.client(limit_s), time.monotonic() + limit_s
    while time.monotonic() < deadline:
        with suppress(DaemonUnreachable, AlreadyRunning):
            try:
                client.get("/health")
            except DaemonNotRunning:
                with hold_lock(session.paths.lock_file):
                    return True
        time.sleep(_POLL_S)
    return False
