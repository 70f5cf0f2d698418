"""`autopilot status` in its usual form, without Typer: importing Typer takes longer than the whole query.

Everything else, for example --help, --watch or a mistake, goes to Typer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from autopilot.cli.session import Places, Session
from autopilot.cli.status_query import show_status

_PLACES = {"--data-dir": "data_dir", "--config": "config"}


def quick_status(arguments: Sequence[str]) -> int | None:
    """The exit code; None if Typer must parse the arguments. Raises AutopilotError as the command does."""
    if not (os.environ.keys().isdisjoint({"_AUTOPILOT_COMPLETE"}) and "status" in arguments):
        return None
    at = arguments.index("status")
    places = _places(arguments[:at])
    words = [word for word in arguments[at + 1 :] if word != "--json"]
    if places is None or len(words) > 1 or any(word.startswith("-") for word in words):
        return None
    session = Session.at(places, as_json="--json" in arguments[at + 1 :])
    return show_status(session, words[0] if words else None)


def _places(arguments: Sequence[str]) -> Places | None:
    """None unless these are pairs of a global option and its value, each option once."""
    names, values = arguments[::2], arguments[1::2]
    if len(names) != len(values) or len(set(names)) != len(names) or not _PLACES.keys() >= set(names):
        return None
    return Places(**{_PLACES[name]: Path(value) for name, value in zip(names, values, strict=True)})
