"""autopilot init: a first configuration file, with every key explained."""

from __future__ import annotations

import os
from pathlib import Path

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.output import Output
from autopilot.cli.render.blocks import Style, line
from autopilot.cli.session import Places
from autopilot.config.paths import find_paths
from autopilot.domain.errors import ConfigError


def init(context: typer.Context, as_json: AsJson = False) -> int:
    """Write a configuration file with every key, its default and its description.

    An existing file is never changed. The file is optional: without it, the defaults apply.
    """
    from autopilot.config.example import example_text

    target = _target(context.obj)
    if target.exists():
        raise ConfigError(
            f"{target} exists and is left as it is", hint="autopilot config show, or init with another --config FILE"
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
            line("change what you like in it, then: autopilot config validate, autopilot start", Style.FAINT),
        ),
    )
    return ExitCode.DONE


def _target(places: Places) -> Path:
    """Where the file is to be. Unlike everywhere else, a named one does not exist yet."""
    named = places.config or Path(os.environ.get("AUTOPILOT_CONFIG", ""))
    if named != Path():
        return named.expanduser().absolute()
    return find_paths(None, places.data_dir, os.environ).config_file
