"""The query of `autopilot status`, and its usual form without Typer, whose import takes longer than the whole query.

It imports as little as possible, because it must answer at once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autopilot.cli.render.status import status_screen
from autopilot.cli.session import Places, Session, address, symbol_or_none
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.errors import NotFound

if TYPE_CHECKING:
    from autopilot.domain.document_types import Document

ALARMING_WARNINGS = frozenset({"CLOCK_WRONG", "EXIT_REFUSED", "KEY_SHARED"})
"""Problems that fail a check although they are only warnings: somebody should look before they become errors."""
_PLACES = {"--data-dir": "data_dir", "--config": "config"}


def quick_status(arguments: Sequence[str]) -> int | None:
    """The exit code; None if Typer must parse the arguments, as
    for --help, --watch or a mistake. Raises AutopilotError as the command does."""
    if not (os.environ.keys().isdisjoint({"_AUTOPILOT_COMPLETE"}) and "status" in arguments):
        return None
    at = arguments.index("status")
    places = _places(arguments[:at])
    words = [word for word in arguments[at + 1 :] if word not in ("--json", "--check")]
    if places is None or len(words) > 1 or any(word.startswith("-") for word in words):
        return None
    session = Session.at(places, as_json="--json" in arguments[at + 1 :])
    return show_status(session, words[0] if words else None, check="--check" in arguments[at + 1 :])


def _places(arguments: Sequence[str]) -> Places | None:
    """None unless these are pairs of a global option and its value, each option once."""
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values) or len(set(names)) != len(names) or not _PLACES.keys() >= set(names):
        return None
    return Places(**{_PLACES[name]: Path(value) for name, value in zip(names, values, strict=True)})


def show_status(session: Session, symbol: str | None, *, check: bool = False) -> int:
    """Print the present state or, without a daemon, the last known one; returns the exit code: with ``check`` 1 if
    somebody must act, see `is_alarming`."""
    wanted = symbol_or_none(symbol)
    screen = partial(status_screen, full=wanted is not None)
    return session.answer(
        ask_status(wanted),
        lambda database: _recall(database, wanted),
        screen,
        lambda status: not (check and any(map(is_alarming, status["health"]))),
    )


def is_alarming(problem: Document) -> bool:
    """Whether a problem fails ``--check``: an error, or a warning of `ALARMING_WARNINGS`."""
    level: str = problem["level"]
    return level == "error" or (level == "warning" and problem["code"] in ALARMING_WARNINGS)


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
