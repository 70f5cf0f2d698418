"""The question behind `autopilot status`; imports as little as can be."""

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


def show_status(session: Session, symbol: str | None) -> int:
    """Print the present state or, without a daemon, the last known one; returns the exit code."""
    wanted = symbol_or_none(symbol)
    screen = partial(status_screen, full=wanted is not None)
    return session.answer(ask_status(wanted), lambda database: _recall(database, wanted), screen)


def ask_status(symbol: str | None) -> Callable[[ControlClient], Document]:
    """The question to the daemon, to be asked once or again and again."""
    asked = address("status", symbol) if symbol else address("status")
    return lambda daemon: daemon.get(asked)


def _recall(database: Path, symbol: str | None) -> Document:
    from autopilot.adapters.store.views.health import with_health
    from autopilot.adapters.store.views.queries import last_known_status
    from autopilot.adapters.store.views.real_money import with_real_money

    document = with_real_money(database, last_known_status(database), int(time.time() * 1000))
    document = with_health(database, document)
    if symbol is None:
        return document
    chosen = [item for item in document["symbols"] if item["symbol"] == symbol]
    if not chosen:
        raise DaemonNotRunning(
            f"the daemon is not running, and nothing is known of {symbol}", hint=f"autopilot start --symbol {symbol}"
        )
    return {**document, "symbols": chosen}
