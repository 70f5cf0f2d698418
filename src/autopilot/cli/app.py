"""The Typer application: global options, and a table of commands whose modules are imported when they are needed."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.main import get_command

from autopilot.cli.errors import ExitCode, UsageProblem
from autopilot.cli.examples import examples_of
from autopilot.cli.options import single_command
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import line
from autopilot.cli.session import Places
from autopilot.cli.usage_errors import CommandGroup, usage_problem
from autopilot.distribution import DISTRIBUTION, installed_version

GROUPS = {
    "Trade": ("start", "stop", "restart", "exit", "pause", "resume", "panic"),
    "See what happened": ("status", "signals", "explain", "decisions", "orders", "positions", "trades", "performance"),
    "Learn": ("retrain", "tasks", "model-info", "models", "reset-model"),
    "Test on past data": ("backtest", "sweep", "report", "parity"),
    "Real money": ("keys", "arm", "disarm", "audit"),
    "Data": ("data", "db"),
    "Set up": ("init", "config", "daemon", "demo"),
}
"""The commands by the headings of the help, in its order."""

_SHARED = {
    "running": ("start", "stop", "restart", "daemon"),
    "modes": ("pause", "resume", "panic"),
    "lists": ("signals", "decisions", "orders", "positions", "trades", "explain"),
    "training": ("retrain", "tasks"),
    "models": ("model-info", "reset-model"),
    "reports": ("performance", "report", "parity"),
    "arming": ("arm", "disarm"),
    "backtest": ("sweep",),
    "config": ("init",),
}
"""The modules of several commands; any other command has a module of its name."""
_MODULES = {name: module for module, names in _SHARED.items() for name in names}
COMMANDS = {name: f"autopilot.cli.commands.{_MODULES.get(name, name)}" for names in GROUPS.values() for name in names}
"""Every command and its module."""

_WHOLE = 1_000
"""A limit in characters that no description reaches, so that the list of commands cuts none."""


class LazyGroup(CommandGroup):
    """The commands of COMMANDS, each imported when it is looked up."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        not_loaded: dict[str, Any] = dict.fromkeys(COMMANDS)
        self.commands.update(not_loaded)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _explained(_loaded(cmd_name), cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        width = max(map(len, COMMANDS))
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), self.get_command(ctx, name).short_help) for name in names])


def _loaded(name: str) -> Any:
    """The function of the command's name or, if the module is named after the command and has a group, its ``app``."""
    module = import_module(COMMANDS[name])
    if name not in _MODULES and hasattr(module, "app"):
        return get_command(module.app)
    return single_command(name, getattr(module, name.replace("-", "_")))


def _explained(command: Any, name: str) -> Any:
    """The command with its examples and an uncut description, and so the commands of a group."""
    command.short_help = command.get_short_help_str(_WHOLE)
    command.epilog = examples_of(name)
    for inner, inner_command in getattr(command, "commands", {}).items():
        _explained(inner_command, f"{name} {inner}")
    return command


app = typer.Typer(
    cls=LazyGroup,
    name="autopilot",
    help="Trade crypto automatically: on paper by default, with every decision explained.",
    epilog=examples_of(""),
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", metavar="PATH", help="The directory of database, socket and log.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The configuration file.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --version: print it as a JSON document.")] = False,
) -> None:
    context.obj = Places(config=config, data_dir=data_dir)
    if version:
        about = {"distribution": DISTRIBUTION, "version": installed_version(), "python": platform.python_version()}
        words = line(f"autopilot {about['version']}")
        Output.standard(as_json).show({"name": "autopilot", **about}, (words,))
        raise typer.Exit
    if as_json:
        raise UsageProblem(
            "--json goes after the command", hint=f"autopilot {context.invoked_subcommand or 'status'} --json"
        )
    if context.invoked_subcommand is None:
        Output.standard(as_json=False).write(context.get_help())


def run_command(arguments: list[str]) -> int:
    """Run the command and return its exit code.

    Raises UsageProblem for a command line that cannot be understood, and the errors of the command.
    """
    # NumPy starts a thread for each processor as soon as it is imported, and nothing here multiplies large matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    group: Any = get_command(app)
    try:
        code = group.main(arguments, prog_name="autopilot", standalone_mode=False)
    except typer.TyperException as error:
        raise usage_problem(error, group, arguments) from None
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return int(code or 0)
