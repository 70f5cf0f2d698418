"""autopilot pause, resume and panic: through the daemon if it runs, else directly."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer

from autopilot.cli.options import known_exchange_option, with_session
from autopilot.cli.render.trading import panic_screen, paused_screen, resumed_screen
from autopilot.cli.render.words import count
from autopilot.cli.session import Session, address
from autopilot.control.errors import CommandRefused, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.document_types import Document

MODE_TIMEOUT_S = 60.0
"""A pause waits for cycles under way, then for the exchanges."""
ALIVE_S = 3.0
"""A daemon that does not answer a panic in this time is passed over."""
PANIC_TIMEOUT_S = 120.0
"""It waits for cycles under way, then for the exchanges, several calls each."""
OUR_FAULT = 500
"""From this status on the fault is the daemon's, not the request's."""


Exchange = Annotated[str | None, known_exchange_option(help="Only accounts on this exchange. Default: every account.")]


@with_session
def pause(session: Session, exchange: Exchange = None) -> int:
    """Stop buying, and cancel waiting entry orders; open positions are managed as before.

    The pause lasts until autopilot resume, also across restarts. It works with and without a daemon.
    """
    document = _set_mode(session, "pause", exchange)
    return session.show(document, paused_screen, is_done=document["complete"])


@with_session
def resume(
    session: Session,
    exchange: Exchange = None,
    write_off: Annotated[
        bool,
        typer.Option(
            "--write-off",
            help="Remove from the books what the account no longer owns or can no longer sell.",
        ),
    ] = False,
) -> int:
    """End a pause or a panic.

    Trading goes on even if the books differ from the exchange's. With --write-off the books are compared with the
    exchange now. Coins that were sold or withdrawn outside Autopilot are removed, and so are positions and orders on
    markets that the exchange no longer has. They count as withdrawn at the last known price. If an exchange does not
    answer, nothing of its accounts is removed. Exit code 1 when something is left. It works with and without a daemon.
    """
    document = _set_mode(session, "resume", exchange, **({"write_off": True} if write_off else {}))
    return session.show(document, resumed_screen, is_done=document.get("complete", True))


@with_session
def panic(
    session: Session,
    flatten: Annotated[bool, typer.Option("--flatten", help="Also sell every position, at market.")] = False,
) -> int:
    """Stop at once: cancel every order, and with --flatten sell everything.

    It asks no question. Until autopilot resume, only stop-losses are sent. It works with and without a daemon, and when
    the daemon hangs. Exit code 1 when something is left to do; the screen says what.
    """
    document = _panic_of_daemon(session, flatten) or _panic_without_daemon(session, flatten)
    return session.show(document, partial(panic_screen, flatten=flatten), is_done=document["complete"])


def _set_mode(session: Session, command: str, exchange: str | None, **more: bool) -> Document:
    """``command``: pause or resume; ``more``: its other options. Raises AutopilotError."""
    try:
        return session.client(MODE_TIMEOUT_S).post(address(command), {"exchange": exchange, **more})
    except DaemonNotRunning:
        from autopilot.app.trading import without_daemon
        from autopilot.cli.secret_input import keys_of

        change = without_daemon.pause if command == "pause" else without_daemon.resume
        return asyncio.run(change(session.paths, exchange, keys_of(session), **more))


def _panic_of_daemon(session: Session, flatten: bool) -> Document | None:
    """The daemon's answer; None if no daemon could do it."""
    try:
        session.client(ALIVE_S).get("/health")
        return session.client(PANIC_TIMEOUT_S).post(address("panic"), {"flatten": flatten})
    except DaemonNotRunning:
        return None
    except (DaemonUnreachable, CommandRefused) as error:
        if isinstance(error, CommandRefused) and error.status < OUR_FAULT:
            raise
        session.output.remark(f"warning: {error}; trying without it")
        return None


def _panic_without_daemon(session: Session, flatten: bool) -> Document:
    from autopilot.adapters.store.views.queries import positions
    from autopilot.app.trading import without_daemon
    from autopilot.cli.secret_input import keys_of

    document = asyncio.run(without_daemon.panic(session.paths, keys_of(session), flatten=flatten))
    held = len(positions(session.paths.database)["positions"])
    if held and document["complete"]:
        session.output.remark(
            f"warning: {count(held, 'position')} held; without a daemon the stops are not monitored; autopilot start"
        )
    return document
