"""The commands that start without Typer in their usual form: its import takes longer than a query, and a daemon would
keep it in memory."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PLACES = {"--data-dir": "data_dir", "--config": "config"}


def run_without_typer(arguments: Sequence[str]) -> int | None:
    """The exit code; None if Typer must parse the arguments. Raises AutopilotError as the command does."""
    options = next((at for at in range(0, len(arguments), 2) if arguments[at] not in _PLACES), len(arguments))
    places = _places(arguments[:options])
    if places is None or "_AUTOPILOT_COMPLETE" in os.environ:
        return None
    match arguments[options:]:
        case ["status", *rest]:
            from autopilot.cli.status_query import quick_status

            return quick_status(places, rest)
        case ["backtest", *rest]:
            from autopilot.cli.backtest_run import quick_backtest

            return quick_backtest(places, rest)
        case ["daemon"]:
            return _serve(places)
    return None


def _places(options: Sequence[str]) -> dict[str, str] | None:
    """The global options by their name in `Places`; None unless each has a value and comes once."""
    names, values = options[::2], options[1::2]
    if len(names) != len(values) or len(set(names)) != len(names):
        return None
    return {_PLACES[name]: value for name, value in zip(names, values, strict=True)}


def _serve(places: Mapping[str, str]) -> int:
    import gc

    gc.disable()  # Nothing that is imported is garbage; `serve` enables it again.
    from autopilot.cli.session import Places, Session
    from autopilot.daemon.wiring import serve

    return serve(Session.at(Places.of(places), as_json=False).paths)
