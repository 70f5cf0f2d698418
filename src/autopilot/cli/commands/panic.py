"""autopilot panic: stop everything now."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.trading import panic_screen
from autopilot.cli.render.words import count
from autopilot.cli.session import Session, address
from autopilot.control.errors import CommandRefused, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.document_types import Document

ALIVE_S = 3.0
"""A daemon that does not answer in this time is passed over."""
PANIC_TIMEOUT_S = 120.0
"""It waits for cycles under way, then for the exchanges, several calls each."""
OUR_FAULT = 500
"""From this status on the fault is the daemon's, not the request's."""


def panic(
    context: typer.Context,
    flatten: Annotated[bool, typer.Option("--flatten", help="Also sell every position, at market.")] = False,
    as_json: AsJson = False,
) -> int:
    """Stop at once: cancel every order, and with --flatten sell everything.

    It asks no question. Until autopilot resume, only stop-losses are sent. It works with and without a daemon, and when
    the daemon hangs. Exit code 1 when something is left to do; the screen says what.
    """
    session = Session.of(context, as_json)
    document = _by_daemon(session, flatten) or _alone(session, flatten)
    session.output.show(document, panic_screen(document, flatten=flatten))
    return ExitCode.DONE if document["complete"] else ExitCode.FAILED


def _by_daemon(session: Session, flatten: bool) -> Document | None:
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


def _alone(session: Session, flatten: bool) -> Document:
    import asyncio

    from autopilot.adapters.store.views.queries import positions
    from autopilot.app.trading import without_daemon as alone
    from autopilot.cli.unlocking import keys_of

    document = asyncio.run(alone.panic(session.paths, keys_of(session), flatten=flatten))
    held = len(positions(session.paths.database)["positions"])
    if held and document["complete"]:
        session.output.remark(
            f"warning: {count(held, 'position')} held; without a daemon the stops are not monitored; autopilot start"
        )
    return document
