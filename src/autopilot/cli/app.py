"""The Typer application: global options, and a table of commands whose modules are imported when they are asked for."""

from __future__ import annotations

import platform
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from autopilot.cli.errors import UsageProblem
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.output import Output
from autopilot.cli.session import Places
from autopilot.distribution import DISTRIBUTION, installed_version

COMMANDS = {
    "init": "autopilot.cli.commands.init",
    "start": "autopilot.cli.commands.start",
    "stop": "autopilot.cli.commands.stop",
    "pause": "autopilot.cli.commands.pause",
    "resume": "autopilot.cli.commands.resume",
    "panic": "autopilot.cli.commands.panic",
    "status": "autopilot.cli.commands.status",
    "signals": "autopilot.cli.commands.signals",
    "explain": "autopilot.cli.commands.explain",
    "decisions": "autopilot.cli.commands.decisions",
    "orders": "autopilot.cli.commands.orders",
    "positions": "autopilot.cli.commands.positions",
    "trades": "autopilot.cli.commands.trades",
    "performance": "autopilot.cli.commands.performance",
    "model-info": "autopilot.cli.commands.model_info",
    "models": "autopilot.cli.commands.models",
    "reset-model": "autopilot.cli.commands.reset_model",
    "retrain": "autopilot.cli.commands.retrain",
    "tasks": "autopilot.cli.commands.tasks",
    "backtest": "autopilot.cli.commands.backtest",
    "sweep": "autopilot.cli.commands.sweep",
    "report": "autopilot.cli.commands.report",
    "parity": "autopilot.cli.commands.parity",
    "keys": "autopilot.cli.commands.keys",
    "arm": "autopilot.cli.commands.arm",
    "disarm": "autopilot.cli.commands.disarm",
    "audit": "autopilot.cli.commands.audit",
    "data": "autopilot.cli.commands.data",
    "config": "autopilot.cli.commands.config",
    "daemon": "autopilot.cli.commands.daemon",
    "demo": "autopilot.cli.commands.demo",
}
"""Every command and the module whose ``app`` it is, in the order of the help."""


class LazyGroup(TyperGroup):
    """The commands of COMMANDS, each imported when it is looked up."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        not_loaded: dict[str, Any] = dict.fromkeys(COMMANDS)
        self.commands.update(not_loaded)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            self.commands[cmd_name] = get_command(import_module(COMMANDS[cmd_name]).app)
        return super().get_command(ctx, cmd_name)


app = typer.Typer(
    cls=LazyGroup,
    name="autopilot",
    help="Trades crypto on its own: on paper unless told otherwise, and able to explain every decision.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(as_json: bool) -> None:
    name, version = "autopilot", installed_version()
    if as_json:
        about = {"name": name, "distribution": DISTRIBUTION, "version": version, "python": platform.python_version()}
        Output.standard(as_json=True).show(about, ())
    else:
        Output.standard(as_json=False).write(f"{name} {version}")


@app.callback()
def root(
    context: typer.Context,
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", metavar="PATH", help="Where database, socket and log are.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", metavar="FILE", help="The configuration to use.")] = None,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --version: print JSON.")] = False,
) -> None:
    if version:
        _print_version(as_json)
        raise typer.Exit
    if as_json:
        raise UsageProblem(
            "--json is an option of the command", hint="put it after the command: autopilot status --json"
        )
    context.obj = Places(config=config, data_dir=data_dir)
    if context.invoked_subcommand is None:
        Output.standard(as_json=False).write(context.get_help())


def run(arguments: list[str]) -> int:
    """The command's exit code. Raises UsageProblem for a senseless command line, and what the command raises."""
    try:
        code = get_command(app).main(arguments, prog_name="autopilot", standalone_mode=False)
    except typer.TyperException as error:
        context = getattr(error, "ctx", None)
        asked = context.command_path if context else "autopilot"
        raise UsageProblem(error.format_message(), hint=f"{asked} --help") from None
    except typer.Abort:
        return ExitCode.INTERRUPTED
    return int(code or 0)
