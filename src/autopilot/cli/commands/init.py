"""autopilot init: write a first configuration file that explains every key."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from autopilot.cli.options import AsJson
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import Style, line
from autopilot.cli.session import Places
from autopilot.config.paths import find_paths
from autopilot.domain.errors import ConfigError


def init(context: typer.Context, as_json: AsJson = False) -> None:
    """Write a configuration file with every key, its default and its description.

    An existing file is never changed. The file is optional: without it, the defaults apply.
    """
    from autopilot.config.example import example_text

    target = _target(context.obj)
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
    Output.standard(as_json).show(
        {"config_file": str(target)},
        (
            line(f"wrote {target}"),
            line("edit it as you like, then run: autopilot config validate, autopilot start", Style.FAINT),
        ),
    )


def _target(places: Places) -> Path:
    """The path of the new file. Only here, a file named with --config need not exist."""
    named = places.config or Path(os.environ.get("AUTOPILOT_CONFIG", ""))
    if named != Path():
        return named.expanduser().absolute()
    return find_paths(None, places.data_dir, os.environ).config_file
