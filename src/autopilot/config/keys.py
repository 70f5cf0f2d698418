"""Every key by its dotted name, with what is allowed in words: for messages, `config show` and the example file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from autopilot.config.schema import AutopilotConfig
from autopilot.config.section import Section

_FORMATS = {
    "moment": 'a date such as "2024-01-31" or a moment such as "2024-01-31T12:00:00Z"',
    "span_ms": "two moments in milliseconds since 1970, UTC, such as [1704067200000, 1704070800000]",
    "name": 'a name in lower case such as "coinbase"',
    "cron": 'five fields as cron has them, such as "0 3 * * 0"',
    "address": 'an address such as "tcp://host:8786"',
}


@dataclass(frozen=True, slots=True)
class Key:
    """``name`` is dotted, ``default`` a JSON value (None: not set), ``allowed`` and ``description`` are words."""

    name: str
    default: Any
    allowed: str
    description: str
    is_list: bool


@cache
def all_keys() -> Mapping[str, Key]:
    """In the schema's order."""
    return {key.name: key for key in _keys_of(AutopilotConfig, "")}


@cache
def all_sections() -> Mapping[str, str]:
    """Dotted name → description, in the schema's order."""
    return dict(_sections_of(AutopilotConfig, ""))


def closest(name: str) -> str | None:
    """The key or section that was probably meant by one that does not exist."""
    known = [*all_keys(), *all_sections()]
    section, _, last = name.rpartition(".")
    elsewhere = [key for key in known if key.rpartition(".")[2] == last]
    near = get_close_matches(name, known, n=1, cutoff=0.7)
    siblings = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == section}
    near_sibling = get_close_matches(last, siblings, n=1, cutoff=0.6)
    return next(iter([*elsewhere, *(siblings[match] for match in near_sibling), *near]), None)


def _sections_of(model: type[Section], prefix: str) -> Iterator[tuple[str, str]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield prefix + name, (kind.__doc__ or "").strip()
            yield from _sections_of(kind, f"{prefix}{name}.")


def _keys_of(model: type[Section], prefix: str) -> Iterator[Key]:
    schema = model.model_json_schema()
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            yield from _keys_of(kind, f"{prefix}{name}.")
            continue
        fragment = schema["properties"][name]
        if "$ref" in fragment:
            fragment = schema["$defs"][fragment["$ref"].rpartition("/")[2]] | fragment
        yield Key(
            name=prefix + name,
            default=fragment.get("default"),
            allowed=_in_words(fragment),
            description=" ".join((field.description or "").split()),
            is_list=fragment.get("type") == "array",
        )


def _in_words(fragment: Mapping[str, Any]) -> str:
    """A JSON schema fragment, as far as this configuration uses them, in words."""
    kinds = {kind["type"]: kind for kind in fragment.get("anyOf", [fragment])}
    if "null" in kinds:
        (one,) = (kind for name, kind in kinds.items() if name != "null")
        return f'{_in_words(fragment | one | {"anyOf": [one]})}, or "" for not set'
    (kind, *_), one = kinds, next(iter(kinds.values()))
    shape = fragment | one
    if shape.get("format") in _FORMATS:
        return _FORMATS[shape["format"]]
    if "enum" in shape:
        return "one of " + ", ".join(f'"{value}"' for value in shape["enum"])
    if kind == "array":
        return 'a list such as ["BTC/USD", "ETH/USD"], each once'
    if kind == "boolean":
        return "true or false"
    return ("a whole number" if kind == "integer" else "a number") + _range(shape)


def _range(shape: Mapping[str, Any]) -> str:
    low = shape.get("minimum", shape.get("ge"))
    above = shape.get("exclusiveMinimum", shape.get("gt"))
    high = shape.get("maximum", shape.get("le"))
    start = f" from {low:,.15g}" if low is not None else f" above {above:,.15g}"
    return f"{start} to {high:,.15g}" if low is not None else f"{start}, at most {high:,.15g}"
