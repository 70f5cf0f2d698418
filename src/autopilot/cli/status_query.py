"""The query of `autopilot status`. It imports as little as possible, because it must answer at once."""

from __future__ import annotations

import os

from autopilot.cli.output import Output
from autopilot.cli.render.status import status_screen
from autopilot.config.socket_place import socket_place
from autopilot.control.client import QUERY_TIMEOUT_S, ControlClient
from autopilot.control.errors import DaemonNotRunning, SocketForbidden
from autopilot.control.protocol import API

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from autopilot.cli.session import Session
    from autopilot.domain.document_types import Document

ALARMING_WARNINGS = frozenset({"CLOCK_WRONG", "EXIT_REFUSED", "KEY_SHARED"})
"""Problems that fail a check although they are only warnings: somebody should look before they become errors."""


def quick_status(places: Mapping[str, str], rest: Sequence[str]) -> int | None:
    """The exit code of `autopilot status` with the arguments ``rest``; None if Typer must parse them, as for --help,
    --watch or a mistake. ``places``: the global options by their name in `Places`. Raises AutopilotError as the command
    does."""
    words = [word for word in rest if word not in ("--json", "--check")]
    if len(words) > 1 or any(word.startswith("-") for word in words):
        return None
    check, output = "--check" in rest, Output.standard("--json" in rest)
    path, place = _path(words), socket_place(places.get("config"), places.get("data_dir"), os.environ)
    if path is not None and place is not None:
        try:
            status = ControlClient(place, QUERY_TIMEOUT_S).get(path)
        except (DaemonNotRunning, SocketForbidden):
            pass  # the last known state is shown instead, which takes more than a quick answer
        else:
            output.show(status, status_screen(status, full=bool(words)))
            return int(check and not is_sound(status))
    return _in_session(places, words[0] if words else None, output, check=check)


def _path(words: Sequence[str]) -> str | None:
    """The address of the status; None for a symbol that may be none, or whose address needs quoting."""
    if not words:
        return f"{API}/status"
    base, _, quote = words[0].upper().replace("-", "/").partition("/")
    is_plain = base.isalnum() and quote.isalnum() and (base + quote).isascii()
    return f"{API}/status/{base}/{quote}" if is_plain else None


def _in_session(places: Mapping[str, str], symbol: str | None, output: Output, *, check: bool) -> int:
    from autopilot.cli.session import Places, Session

    return show_status(Session.at(Places.of(places), output.as_json), symbol, check=check)


def show_status(session: Session, symbol: str | None, *, check: bool = False) -> int:
    """Print the present state or, without a daemon, the last known one; returns the exit code: with ``check`` 1 if
    somebody must act, see `is_alarming`."""
    from autopilot.cli.session import symbol_or_none

    wanted = symbol_or_none(symbol)
    return session.answer(
        ask_status(wanted),
        lambda database: _recall(database, wanted),
        lambda status: status_screen(status, full=wanted is not None),
        lambda status: not check or is_sound(status),
    )


def is_sound(status: Document) -> bool:
    """Whether no problem is alarming."""
    return not any(map(is_alarming, status["health"]))


def is_alarming(problem: Document) -> bool:
    """Whether a problem fails ``--check``: an error, or a warning of `ALARMING_WARNINGS`."""
    level: str = problem["level"]
    return level == "error" or (level == "warning" and problem["code"] in ALARMING_WARNINGS)


def ask_status(symbol: str | None) -> Callable[[ControlClient], Document]:
    """A query of the daemon, for one use or for many."""
    from autopilot.cli.session import address

    path = address("status", symbol) if symbol else address("status")
    return lambda daemon: daemon.get(path)


def _recall(database: Path, symbol: str | None) -> Document:
    import time

    from autopilot.adapters.store.views.status import status_document
    from autopilot.domain.errors import NotFound

    try:
        return status_document(database, int(time.time() * 1000), symbol=symbol)
    except NotFound as unknown:
        raise DaemonNotRunning(f"the daemon is not running, and {unknown}", hint=unknown.hint) from None
