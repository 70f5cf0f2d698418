"""Screens of the configuration as TOML, and of Autopilot's paths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from autopilot.cli.render.blocks import BLANK, Block, Column, Screen, Span, Style, line, table

_PATHS = {
    "config_file": "configuration",
    "overrides_file": "set by config set",
    "data_dir": "data directory",
    "database": "database",
    "audit_head": "audit log's anchor",
    "vault": "exchange keys",
    "models_dir": "learned models",
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


def values_screen(document: dict[str, Any], *, with_origin: bool) -> Screen:
    """``{"values": {key: value}, "origins": {key: origin}}``, with dotted keys, section by section."""
    blocks: list[Block] = []
    present = ""
    width = max(len(_assignment(key, value)) for key, value in document["values"].items())
    for key, value in document["values"].items():
        section = key.rpartition(".")[0]
        if section != present:
            blocks += [BLANK, line(f"[{section}]", Style.HEADING)]
            present = section
        text = _assignment(key, value)
        blocks.append(line(f"{text:<{width}}  # {document['origins'][key]}" if with_origin else text))
    return tuple(blocks)


def paths_screen(places: Any) -> Screen:
    """``places`` is a Paths."""
    rows = []
    for name, words in _PATHS.items():
        place: Path = getattr(places, name)
        there = Span("") if place.exists() else Span("missing", Style.FAINT)
        rows.append((words, str(place), there))
    return (table((Column("what"), Column("path"), Column("")), rows),)


def _assignment(key: str, value: Any) -> str:
    return f"{key.rpartition('.')[2]} = {toml(value)}"
