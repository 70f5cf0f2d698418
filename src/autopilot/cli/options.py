"""How a function becomes a command, the options that several commands share, and the values that the shell offers
for them; Typer drops the values that do not begin as the user typed.

The values come from the database, the configuration and the program, never from the daemon or the network. A value that
cannot be looked up is not offered: an error would be printed into the line that the user is typing. The imports are
those of a query, so that a press of the tab key answers at once.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial, wraps
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from autopilot.cli.session import Session, symbol_or_none
from autopilot.cli.usage_errors import CommandGroup
from autopilot.config.paths import Paths, find_paths
from autopilot.control.errors import SafetyRefused
from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import CandleKind
from autopilot.domain.paging import Cursor
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

REAL_EXCHANGES = ("binance", "coinbase", "kraken")
"""Named here because their own modules import ccxt."""
_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhdw])")
_UNITS_MS = {"m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS, "w": 7 * DAY_MS}
_MILLISECONDS = re.compile("[0-9]{11,15}")
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


def complete_layout() -> list[str]:
    """The layouts of candle files without a header."""
    from autopilot.adapters.imports.layouts import LAYOUTS

    return list(LAYOUTS)


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


def known_exchange(name: str | None) -> str | None:
    """For an option that may be left out. Raises UnknownExchange, which suggests the nearest names."""
    if name is not None:
        from autopilot.adapters.exchange.ccxt_import import require_exchange

        require_exchange(name)
    return name


def listed_ms(text: str) -> int:
    """A day, a time, milliseconds since 1970, or a span such as ``7d`` before now. Raises ConfigError."""
    if span := _SPAN.fullmatch(text.lower()):
        return max(0, int(time.time() * 1000) - int(span["count"]) * _UNITS_MS[span["unit"]])
    if _MILLISECONDS.fullmatch(text):
        return int(text)
    from autopilot.adapters.clock import moment_ms

    return max(0, moment_ms(text))


def list_place(text: str) -> Cursor:
    """As `listed_ms`, or the ``next`` of a list. Raises ConfigError."""
    with suppress(ValueError):
        place = Cursor.of(text)
        if place.row is not None:
            return place
    return Cursor(listed_ms(text))


def _paths(context: typer.Context) -> Paths:
    """The callback of the global options does not run while a line is completed. Raises ConfigError."""
    given = context.find_root().params
    return find_paths(given.get("config"), given.get("data_dir"), os.environ)


def _stored(context: typer.Context, kind: str) -> list[str]:
    from autopilot.adapters.store.views.names import stored_names

    with suppress(AutopilotError, OSError):
        return stored_names(_paths(context).database, kind)
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


exchange_option = partial(typer.Option, "--exchange", metavar="NAME", autocompletion=complete_exchange)
known_exchange_option = partial(exchange_option, callback=known_exchange)
real_exchange_option = partial(typer.Option, "--exchange", metavar="NAME", autocompletion=complete_real_exchange)
strategy_option = partial(typer.Option, "--strategy", metavar="NAME", autocompletion=complete_strategy)
symbol_option = partial(typer.Option, "--symbol", metavar="SYMBOL", autocompletion=complete_symbol)
one_symbol_option = partial(symbol_option, callback=symbol_or_none)
timeframe_option = partial(typer.Option, "--timeframe", metavar="TIMEFRAME", autocompletion=complete_timeframe)
detail_option = partial(typer.Option, "--detail", metavar="TIMEFRAME", autocompletion=complete_timeframe)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Full = Annotated[bool, typer.Option("--full", help="Show the whole card.")]
OneSymbol = Annotated[str | None, one_symbol_option(help="Only this symbol, such as BTC/USD.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1000, metavar="N", help="At most N, the latest first.")]
Since = Annotated[
    int | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=listed_ms,
        help="Only from this day or time on (UTC), or the last 12h, 7d, 2w.",
    ),
]
Before = Annotated[
    Cursor | None,
    typer.Option(
        "--before",
        metavar="TIME",
        parser=list_place,
        help="Only before this time: as for --since, or the next of a list.",
    ),
]
OnlyDays = Annotated[int | None, typer.Option("--days", min=1, max=99_999, metavar="N", help="Only the last N days.")]
Symbols = Annotated[list[str] | None, symbol_option(help="Such as BTC/USD; repeatable. All share one account.")]
LastDays = Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="The last N days.")]
Begin = Annotated[str | None, typer.Option("--from", metavar="DATE", help="Candles from this day or time on, UTC.")]
End = Annotated[str | None, typer.Option("--to", metavar="DATE", help="Candles before this day or time, UTC.")]
TimeframeName = Annotated[str | None, timeframe_option(help="The length of a candle: 1m 5m 15m 30m 1h 4h 1d.")]
Kind = Annotated[CandleKind | None, typer.Option("--kind", help="The champion for candles of this kind.")]
OfTimeframe = Annotated[str | None, timeframe_option(help="The champion for candles of this length, such as 1h.")]
StoredExchange = Annotated[str | None, exchange_option(help="The exchange of the candles, or simulated.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        autocompletion=complete_real_exchange,
        help="Another exchange, whose candles stand before the first own one. Default: data.history_exchange.",
    ),
]
NoDownload = Annotated[bool, typer.Option("--no-download", help="Refuse if candles are not stored.")]
Fee = Annotated[
    float | None, typer.Option("--fee", min=0, max=10, metavar="PERCENT", help="In percent of the value of each order.")
]
Slippage = Annotated[
    float | None, typer.Option("--slippage", min=0, max=1000, metavar="BPS", help="Of market orders, in bps.")
]


def command_group(**settings: Any) -> typer.Typer:
    """A command with commands of its own; ``settings`` are those of `typer.Typer`, such as ``help``."""
    return typer.Typer(cls=CommandGroup, add_completion=False, rich_markup_mode=None, **settings)


def single_command(name: str, function: Callable[..., object]) -> Any:
    """The command ``name`` that calls ``function``; its parameters are the options, its docstring is the help."""
    group = command_group()
    group.command(name)(function)
    return get_command(group)


def with_session(function: Callable[..., int | None]) -> Callable[..., int | None]:
    """The function of a command, for Typer: its session is made from the context and from the last option, --json.

    ``function`` takes the session first and returns the exit code; None means 0.
    The command raises ConfigError if the session's places cannot be used.
    """

    @wraps(function)
    def command(context: typer.Context, as_json: bool, **options: Any) -> int | None:
        return function(Session.of(context, as_json), **options)

    _, *options = signature(function, eval_str=True).parameters.values()
    parameters = [
        Parameter("context", Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(option.replace(kind=Parameter.KEYWORD_ONLY) for option in options),
        Parameter("as_json", Parameter.KEYWORD_ONLY, annotation=AsJson, default=False),
    ]
    vars(command)["__signature__"] = Signature(parameters)
    return command


def confirmed(session: Session, question: str, *, refusal: str, hint: str) -> bool:
    """Whether the user says yes. Raises SafetyRefused with ``refusal`` and ``hint`` without a terminal."""
    if not sys.stdin.isatty():
        raise SafetyRefused(f"{refusal}: there is no terminal to ask on", hint=hint)
    if typer.confirm(question, err=True):
        return True
    session.output.remark("nothing was changed")
    return False
