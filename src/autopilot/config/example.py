"""The example configuration: every key with its description, allowed values and, but for one, its default."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from autopilot.config.keys import Key, all_keys, all_sections

_WIDTH = 110

BETTER = {"training.days": 1095, "data.keep_decisions_days": 90}
"""Values that the file sets, because the default does not serve: 90 days of two symbols can never pass the gate, and
only a new user can be offered to have decisions deleted."""
_NOTES = {
    "training.days": "The default is 90. The gate requires at least 1,000 decisions on 180 days that a model was not"
    " trained on: 90 days can never pass. Two symbols need about three years.",
    "data.keep_decisions_days": "The default is 0. Kept for ever: signals, denials, orders, trades, the audit log.",
    "training.symbols": "With more symbols fewer days are enough for the gate: autopilot retrain says how many.",
}

_HEAD = """\
# Autopilot's configuration. Every key is optional. One with a # in front of it is shown with its default.
# To change it, remove the # and edit the value.
#
# autopilot config path           prints where this file belongs
# autopilot config validate       checks it
# autopilot config show --origin  prints the values in effect and their origin
"""


def example_text() -> str:
    """The TOML text of autopilot.toml.example and of a new user's first file."""
    lines = [_HEAD]
    for key in all_keys().values():
        if "." not in key.name:
            lines += _key_lines(key)
    for section, description in all_sections().items():
        lines += [f"[{section}]", *_comment(description), ""]
        for key in all_keys().values():
            if key.name.rpartition(".")[0] == section:
                lines += _key_lines(key)
    return "\n".join(lines).rstrip("\n") + "\n"


def _key_lines(key: Key) -> Iterator[str]:
    yield from _comment(key.description)
    yield from _comment(f"Allowed: {key.allowed}.")
    yield from _comment(_NOTES.get(key.name, ""))
    name = key.name.rpartition(".")[2]
    yield f"{name} = {_toml(BETTER[key.name])}" if key.name in BETTER else f"#{name} = {_toml(key.default)}"
    yield ""


def _comment(text: str) -> Iterator[str]:
    return (f"# {line}" for line in wrap(text, _WIDTH - 2))


def _toml(value: Any) -> str:
    """The value in TOML, which writes numbers, strings, booleans and lists of strings as JSON does."""
    return '""' if value is None else json.dumps(value)
