"""autopilot config: show, change and check the configuration."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_key
from autopilot.cli.errors import UsageProblem
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.blocks import Style, line
from autopilot.cli.render.configuration import bare, paths_screen, toml, values_screen
from autopilot.cli.session import Session
from autopilot.cli.shell import command_group
from autopilot.control.errors import ControlError
from autopilot.domain.errors import ConfigError

app = command_group(help="Show, change and check the configuration.")
KeyName = Annotated[
    str,
    typer.Argument(
        metavar="KEY", autocompletion=complete_key, help="A key as in config show, such as risk.max_drawdown_pct."
    ),
]


@app.command()
def show(
    context: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="Also show where each value comes from.")] = False,
    as_json: AsJson = False,
) -> int:
    """Show the configuration in effect, as TOML."""
    from autopilot.config.load import load

    session = Session.of(context, as_json)
    loaded = load(session.paths)
    document = {"values": loaded.values(), "origins": dict(loaded.origins)}
    session.output.show(document, values_screen(document, with_origin=origin))
    return ExitCode.DONE


@app.command()
def get(context: typer.Context, key: KeyName, as_json: AsJson = False) -> int:
    """Print one value."""
    from autopilot.config.load import load
    from autopilot.config.problems import unknown_key

    session = Session.of(context, as_json)
    loaded = load(session.paths)
    values = loaded.values()
    if key not in values:
        raise ConfigError(unknown_key(key), hint="to list all keys: autopilot config show")
    document = {"key": key, "value": values[key], "origin": loaded.origins[key]}
    session.output.show(document, (line(bare(values[key])),))
    return ExitCode.DONE


@app.command("set")
def set_(
    context: typer.Context,
    key: KeyName,
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="A number, true or false, a text, or comma-separated items."),
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Remove the value, so that the file or the default applies.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Change one value, if the configuration stays valid.

    The value is written to a separate file that takes precedence. Your own file is never changed.
    """
    from autopilot.app.audit_log import recorded
    from autopilot.config.overrides import set_value, unset_value

    session = Session.of(context, as_json)
    if unset is (value is not None):
        raise UsageProblem("give either a value or --unset", hint=f"autopilot config set {key} VALUE")
    with recorded(session.paths, "config set", {"key": key, "value": value}):
        loaded = unset_value(session.paths, key) if value is None else set_value(session.paths, key, value)
    present = loaded.values().get(key)
    document = {"key": key, "value": present, "origin": loaded.origins.get(key), "restart_needed": _runs(session)}
    words = f"{key} = {toml(present)}" if key in loaded.origins else f"{key} was removed"
    session.output.show(document, (line(words),))
    if document["restart_needed"]:
        session.output.remark("restart the daemon to apply the change: autopilot stop, then autopilot start")
    return ExitCode.DONE


@app.command()
def path(context: typer.Context, as_json: AsJson = False) -> int:
    """Show where the configuration, the database, the socket and the log are."""
    session = Session.of(context, as_json)
    document = {name: str(place) for name, place in session.paths._asdict().items()}
    session.output.show(document, paths_screen(session.paths))
    return ExitCode.DONE


@app.command()
def validate(context: typer.Context, as_json: AsJson = False) -> int:
    """Check the configuration and list every problem. The exit code is 2 if there is any."""
    from autopilot.config.load import load

    session = Session.of(context, as_json)
    load(session.paths)
    session.output.show({"valid": True}, (line("the configuration is valid", Style.GOOD),))
    return ExitCode.DONE


def _runs(session: Session) -> bool:
    try:
        session.client(timeout=2.0).get("/health")
    except ControlError:
        return False
    return True
