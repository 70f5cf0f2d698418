"""Values that the shell offers for options and arguments; Typer drops those that do not begin as the user typed.

They come from the database, the configuration and the program, never from the daemon or the network. A value that
cannot be looked up is not offered: an error would be printed into the line that the user is typing. The imports are
those of a query, so that a press of the tab key answers at once.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import typer

from autopilot.config.paths import Paths, find_paths
from autopilot.domain.errors import AutopilotError
from autopilot.domain.timeframe import Timeframe

REAL_EXCHANGES = ("binance", "coinbase", "kraken")
"""Named here because their own modules import ccxt."""
OFFLINE = ("replay", "simulated")


def complete_symbol(context: typer.Context) -> list[str]:
    """The configured symbols, and those in the database."""
    return list(dict.fromkeys([*_configured_symbols(context), *_stored(context, "symbols")]))


def complete_exchange(context: typer.Context) -> list[str]:
    """The exchanges that can trade real money, those without a network, and those in the database."""
    return list(dict.fromkeys([*REAL_EXCHANGES, *OFFLINE, *_stored(context, "exchanges")]))


def complete_real_exchange() -> list[str]:
    """The exchanges that can trade real money."""
    return list(REAL_EXCHANGES)


def complete_timeframe() -> list[str]:
    """Every timeframe."""
    return [timeframe.value for timeframe in Timeframe]


def complete_strategy() -> list[str]:
    """The built-in strategies, one for each file of a group's folder, and the user's own."""
    from importlib.metadata import entry_points

    own = [entry.name for entry in entry_points(group="autopilot.strategies")]
    return [*(file.stem for group in _groups() for file in group.glob("[!_]*.py")), *own]


def complete_group() -> list[str]:
    """The groups of strategies."""
    return [group.name for group in _groups()]


def complete_key() -> list[str]:
    """Every key of the configuration."""
    from autopilot.config.keys import all_keys

    return list(all_keys())


def complete_model(context: typer.Context) -> list[str]:
    """The ids of the trained models."""
    return _stored(context, "models")


def complete_task(context: typer.Context) -> list[str]:
    """The ids of the background tasks."""
    return _stored(context, "tasks")


def complete_decision(context: typer.Context) -> list[str]:
    """The symbols, and the ids of the newest decisions."""
    return complete_symbol(context) + _stored(context, "decisions")


def _paths(context: typer.Context) -> Paths:
    """The callback of the global options does not run while a line is completed. Raises ConfigError."""
    given = context.find_root().params
    return find_paths(given.get("config"), given.get("data_dir"), os.environ)


def _stored(context: typer.Context, kind: str) -> list[str]:
    from autopilot.adapters.store.views import names

    readers = {
        "symbols": names.stored_symbols,
        "exchanges": names.stored_exchanges,
        "models": names.model_ids,
        "tasks": names.task_ids,
        "decisions": names.decision_ids,
    }
    with suppress(AutopilotError, OSError):
        return readers[kind](_paths(context).database)
    return []


def _configured_symbols(context: typer.Context) -> list[str]:
    from autopilot.config.load import load

    with suppress(AutopilotError, OSError):
        return list(load(_paths(context)).config.symbols)
    return []


def _groups() -> list[Path]:
    """The folders of the groups, found without importing them: the strategies need NumPy and TA-Lib."""
    import autopilot

    folder = Path(autopilot.__path__[0]) / "strategies"
    return sorted(path.parent for path in folder.glob("*/__init__.py"))
