"""autopilot init and autopilot config: write, show, change and check the configuration."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.errors import UsageProblem
from autopilot.cli.options import AsJson, command_group, complete_key, with_session
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import Style, line
from autopilot.cli.render.configuration import bare, paths_screen, toml, values_screen
from autopilot.cli.session import Places, Session
from autopilot.config.paths import Paths, find_paths
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
@with_session
def show(
    session: Session,
    origin: Annotated[bool, typer.Option("--origin", help="Also show where each value comes from.")] = False,
) -> None:
    """Show the configuration in effect, as TOML."""
    from autopilot.config.load import load

    loaded = load(session.paths)
    document = {"values": loaded.values(), "origins": dict(loaded.origins)}
    session.show(document, partial(values_screen, with_origin=origin))


@app.command()
@with_session
def get(session: Session, key: KeyName) -> None:
    """Print one value."""
    from autopilot.config.load import load
    from autopilot.config.problems import unknown_key

    loaded = load(session.paths)
    values = loaded.values()
    if key not in values:
        raise ConfigError(unknown_key(key), hint="to list all keys: autopilot config show")
    document = {"key": key, "value": values[key], "origin": loaded.origins[key]}
    session.output.show(document, (line(bare(values[key])),))


@app.command("set")
@with_session
def set_(
    session: Session,
    key: KeyName,
    value: Annotated[
        str | None,
        typer.Argument(metavar="VALUE", help="A number, true or false, a text, or comma-separated items."),
    ] = None,
    unset: Annotated[
        bool, typer.Option("--unset", help="Remove the value, so that the file or the default applies.")
    ] = False,
) -> None:
    """Change one value, if the configuration stays valid.

    The value is written to a separate file that takes precedence. Your own file is never changed.
    """
    from autopilot.config.keys import all_keys
    from autopilot.config.overrides import set_value, unset_value

    if unset is (value is not None):
        raise UsageProblem("give either a value or --unset", hint=f"autopilot config set {key} VALUE")
    # A refused value may be anything, even a secret that was typed into the wrong command.
    named = key if key in all_keys() else None
    with session.recorded("config set", {"key": named, "unset": unset}) as row:
        loaded = unset_value(session.paths, key) if value is None else set_value(session.paths, key, value)
        present = loaded.values().get(key)
        row.outcome = {"value": present}
    document = {"key": key, "value": present, "origin": loaded.origins.get(key), "restart_needed": _runs(session)}
    words = f"{key} = {toml(present)}" if key in loaded.origins else f"{key} was removed"
    session.output.show(document, (line(words),))
    if document["restart_needed"]:
        session.output.remark("restart the daemon to apply the change: autopilot restart")


@app.command()
@with_session
def path(session: Session) -> None:
    """Show where the configuration, the database, the socket and the log are."""
    document = {name: str(place) for name, place in session.paths._asdict().items()}
    session.output.show(document, paths_screen(session.paths))


@app.command()
@with_session
def validate(session: Session) -> None:
    """Check the configuration, and your own strategies, as the daemon does when it starts; list every problem.

    The exit code is 2 if there is any.
    """
    session.require_valid_configuration()
    session.output.show({"valid": True}, (line("the configuration is valid", Style.GOOD),))


def _runs(session: Session) -> bool:
    try:
        session.client(timeout=2.0).get("/health")
    except ControlError:
        return False
    return True


def init(context: typer.Context, as_json: AsJson = False) -> None:
    """Write a configuration file with every key, its default and its description.

    It sets two keys: training.days, whose default is too short for the gate, and data.keep_decisions_days. An existing
    file is never changed. The file is optional: without it, the defaults apply.
    """
    from autopilot.app.audit_log import recorded

    target = _target(context.obj)
    with recorded(_own_paths(context.obj), "init", {"config_file": target.name}):
        _write_example(target)
    Output.standard(as_json).show(
        {"config_file": str(target)},
        (
            line(f"wrote {target}"),
            line("edit it as you like, then run: autopilot config validate, autopilot start", Style.FAINT),
        ),
    )


def _write_example(target: Path) -> None:
    """Raises ConfigError if the file exists or cannot be written."""
    from autopilot.config.example import example_text

    if target.exists():
        raise ConfigError(
            f"{target} already exists and was not changed",
            hint="to see its values: autopilot config show; to write another file: autopilot --config FILE init",
        )
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(example_text())
    except OSError as error:
        raise ConfigError(
            f"{target} cannot be written: {error.strerror}", hint="choose another place with --config FILE"
        ) from error


def _target(places: Places) -> Path:
    """The path of the new file. Only here, a file named with --config need not exist."""
    named = places.config or Path(os.environ.get("AUTOPILOT_CONFIG", ""))
    if named != Path():
        return named.expanduser().absolute()
    return _own_paths(places).config_file


def _own_paths(places: Places) -> Paths:
    """The paths without a named configuration file."""
    environ = {name: value for name, value in os.environ.items() if name != "AUTOPILOT_CONFIG"}
    return find_paths(None, places.data_dir, environ)
