"""Screens of the configuration as TOML, and of Autopilot's paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from autopilot.cli.render.blocks import (
    BLANK,
    Block,
    Field,
    Screen,
    Span,
    Style,
    as_screen,
    field,
    heading,
    line,
    listed,
)

_PATHS = {
    "config_file": "configuration",
    "overrides_file": "set by config set",
    "data_dir": "data directory",
    "database": "database",
    "audit_head": "audit log's anchor",
    "vault": "exchange keys",
    "models_dir": "learned models",
    "scores_dir": "cached scores of backtests",
    "socket": "socket",
    "lock_file": "lock",
    "log_file": "log",
    "state_dir": "state directory",
}


def toml(value: Any) -> str:
    """A JSON value as TOML; None is an empty string."""
    return json.dumps("" if value is None else value, ensure_ascii=False)


def bare(value: Any) -> str:
    """A JSON value as `config set` takes it."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ",".join(bare(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value)


@as_screen
def values_screen(document: dict[str, Any], *, with_origin: bool) -> Iterator[Block]:
    """``{"values": {key: value}, "origins": {key: origin}}``, with dotted keys, section by section."""
    assignments = {key: f"{key.rpartition('.')[2]} = {toml(value)}" for key, value in document["values"].items()}
    width = max(map(len, assignments.values()))
    for section, keys in groupby(assignments, key=lambda key: key.rpartition(".")[0]):
        if section:
            yield from (BLANK, heading(f"[{section}]"))
        for key in keys:
            text = assignments[key]
            yield line(f"{text:<{width}}  # {document['origins'][key]}" if with_origin else text)


def paths_screen(places: Any) -> Screen:
    """``places`` is a Paths."""
    fields: tuple[Field[str], ...] = (
        field("what", lambda name: _PATHS[name]),
        field("path", lambda name: str(getattr(places, name))),
        field("", lambda name: "" if getattr(places, name).exists() else Span("missing", Style.FAINT)),
    )
    return (listed(fields, _PATHS),)
