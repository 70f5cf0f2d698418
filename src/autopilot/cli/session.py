"""One invocation of a command: its places, its output, its daemon, and the symbols as people type them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlencode

from autopilot.cli.errors import ExitCode, exit_code
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import Screen
from autopilot.config.paths import Paths, find_paths
from autopilot.control.client import ControlClient
from autopilot.control.errors import DaemonNotRunning, SocketForbidden
from autopilot.control.protocol import API, WIRE_NAMES
from autopilot.domain.errors import ConfigError, NotFound, StrategyError
from autopilot.domain.market import split_symbol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import typer

    from autopilot.app.audit_log import CommandRow
    from autopilot.config.schema import AutopilotConfig
    from autopilot.domain.document_types import Document
    from autopilot.domain.paging import Cursor

QUERY_TIMEOUT_S = 10.0
Parameter: TypeAlias = "str | int | Cursor | None"
"""Of a query; None and False: left out."""


@dataclass(frozen=True, slots=True)
class Places:
    """The global options that name files and directories."""

    config: Path | None = None
    data_dir: Path | None = None

    def arguments(self) -> list[str]:
        """The options of `autopilot` that name the same places from any working directory and in any environment."""
        named = {
            "--data-dir": self.data_dir or os.environ.get("AUTOPILOT_DATA_DIR"),
            "--config": self.config or os.environ.get("AUTOPILOT_CONFIG"),
        }
        return [word for option, place in named.items() if place for word in (option, str(Path(place).absolute()))]


@dataclass(frozen=True, slots=True)
class Session:
    """The places, the paths and the output of a command."""

    places: Places
    paths: Paths
    output: Output

    @classmethod
    def of(cls, context: typer.Context, as_json: bool) -> Session:
        """The session of a Typer command. Raises ConfigError if its places cannot be used."""
        return cls.at(context.obj, as_json)

    @classmethod
    def at(cls, places: Places, as_json: bool) -> Session:
        """Raises ConfigError if the places cannot be used."""
        paths = find_paths(places.config, places.data_dir, os.environ)
        return cls(places, paths, Output.standard(as_json))

    @property
    def config(self) -> AutopilotConfig:
        """The configuration in effect. Raises ConfigError."""
        from autopilot.config.load import load

        return load(self.paths).config

    def require_valid_configuration(self) -> None:
        """Raises ConfigError if a daemon could not start with the configuration or with the user's own strategies."""
        from autopilot.config.load import load
        from autopilot.strategies.registry import load_strategies

        load(self.paths)
        try:
            load_strategies()
        except StrategyError as error:
            raise ConfigError(str(error), hint=error.hint) from None

    def require_history(self) -> None:
        """Raises NotFound if no daemon has ever run on this data directory."""
        if not self.paths.database.exists():
            raise NotFound("nothing was recorded here yet", hint="autopilot start --symbol BTC/USD")

    def recorded(self, command: str, request: Document) -> AbstractContextManager[CommandRow]:
        """A context whose command is written to the audit log with its result. ``request``: no secrets."""
        from autopilot.app.audit_log import recorded

        return recorded(self.paths, command, request)

    def recorded_change(self, command: str, request: Document) -> AbstractContextManager[CommandRow]:
        """As `recorded`, for a change of what is stored: without a database there is no log, and none is created."""
        from autopilot.app.audit_log import CommandRow

        return self.recorded(command, request) if self.paths.database.exists() else nullcontext(CommandRow())

    def client(self, timeout: float = QUERY_TIMEOUT_S) -> ControlClient:
        """The daemon of this data directory; nothing is sent yet."""
        return ControlClient(self.paths.socket, timeout)

    def show(self, document: Document, screen: Callable[[Document], Screen], *, is_done: bool = True) -> ExitCode:
        """Show the result of the command. Returns the exit code: 0 or, if it is not done, 1."""
        self.output.show(document, () if self.output.as_json else screen(document))
        return ExitCode.DONE if is_done else ExitCode.FAILED

    def query(self, view: str, screen: Callable[[Document], Screen], **parameters: Parameter) -> int:
        """Show a list of the database, by its name and parameters in `VIEWS`; see `answer`."""
        from autopilot.cli.render.pages import paged

        return self.answer(
            lambda daemon: ask_view(daemon, view, **parameters),
            lambda database: recall_view(database, view, **parameters),
            paged(view, screen, parameters),
        )

    def answer(
        self,
        ask: Callable[[ControlClient], Document],
        recall: Callable[[Path], Document],
        screen: Callable[[Document], Screen],
        is_done: Callable[[Document], bool] = lambda _: True,
    ) -> int:
        """Show the daemon's answer or, when it is down or another user's, the last known state from the database.

        Returns the exit code: 1 if the document is not ``is_done``, else 0, 3 without a daemon, 4 if it is another
        user's. Raises AutopilotError if there is neither.
        """
        try:
            document, code = ask(self.client()), ExitCode.DONE
        except (DaemonNotRunning, SocketForbidden) as down:
            if not self.paths.database.exists():
                raise
            document, code = recall(self.paths.database), exit_code(down)
            why = "the daemon is not running" if isinstance(down, DaemonNotRunning) else str(down)
            self.output.trouble(type(down)(f"{why}; this is the last known state", hint=down.hint))
        return self.show(document, screen, is_done=is_done(document)) or code


def ask_view(daemon: ControlClient, view: str, **parameters: Parameter) -> Document:
    """A view as the daemon answers it. Raises AutopilotError."""
    rest = {name: value for name, value in parameters.items() if f"{{{name}}}" not in view}
    return daemon.get(address(view.format(**parameters), **rest))


def recall_view(database: Path, view: str, **parameters: Parameter) -> Document:
    """A view as the database of this data directory has it. Raises StoreError, NotFound."""
    from autopilot.adapters.store.views.queries import read_view

    return read_view(view, database, {name: value for name, value in parameters.items() if value is not None})


def address(*parts: str, **parameters: Parameter) -> str:
    """``address("decisions", symbol="BTC/USD")`` → ``/api/autopilot/decisions?symbol=BTC%2FUSD``.

    Parts are quoted but keep their slashes; parameters that are None or False are left out.
    """
    given = {
        WIRE_NAMES.get(name, name): "true" if value is True else value
        for name, value in parameters.items()
        if value is not None and value is not False
    }
    path = "/".join([API, *(quote(part) for part in parts)])
    return f"{path}?{urlencode(given)}" if given else path


def symbol_of(text: str) -> str:
    """``btc-usd`` → ``BTC/USD``, as the daemon reads it too. Raises UnknownSymbol when it is no spot symbol."""
    symbol = text.upper().replace("-", "/")
    split_symbol(symbol)
    return symbol


def symbol_or_none(text: str | None) -> str | None:
    """For an option that may be left out."""
    return None if text is None else symbol_of(text)


def symbols_of(texts: Iterable[str] | None) -> list[str]:
    """For an option that may be repeated."""
    return [symbol_of(text) for text in texts or ()]
