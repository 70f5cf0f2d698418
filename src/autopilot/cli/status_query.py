"""The query of `autopilot status`; imports as little as possible, because it must answer at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from autopilot.cli.render.status import status_screen
from autopilot.cli.session import Session, address
from autopilot.cli.symbols import symbol_or_none
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound


def show_status(session: Session, symbol: str | None) -> int:
    """Print the present state or, without a daemon, the last known one; returns the exit code."""
    wanted = symbol_or_none(symbol)
    screen = partial(status_screen, full=wanted is not None)
    return session.answer(ask_status(wanted), lambda database: _recall(database, wanted), screen)


def ask_status(symbol: str | None) -> Callable[[ControlClient], Document]:
    """A query of the daemon, for one use or for many."""
    path = address("status", symbol) if symbol else address("status")
    return lambda daemon: daemon.get(path)


def _recall(database: Path, symbol: str | None) -> Document:
    from autopilot.adapters.store.views.status import status_document

    try:
        return status_document(database, int(time.time() * 1000), symbol=symbol)
    except NotFound as unknown:
        raise DaemonNotRunning(f"the daemon is not running, and {unknown}", hint=unknown.hint) from None
