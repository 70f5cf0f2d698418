"""Every key by its dotted name, with its allowed values in words: for messages, `config show` and the example file."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from inspect import getsource
from itertools import pairwise
from textwrap import dedent
from typing import Any

from autopilot.config.schema import AutopilotConfig, Section
from autopilot.domain.suggestion import did_you_mean, nearest


@dataclass(frozen=True, slots=True)
class Key:
    """``name`` is dotted, ``default`` a JSON value (None: not set); ``allowed`` and ``description`` are texts."""

    name: str
    default: Any
    allowed: str
    description: str
    is_list: bool


@cache
def all_keys() -> Mapping[str, Key]:
    """Dotted name → key, in the schema's order."""
    return {key.name: key for key in _keys(_schema())}


@cache
def all_sections() -> Mapping[str, str]:
    """Dotted name → description, in the schema's order."""
    return dict(_sections(_schema()))


def suggested_key(name: str) -> str:
    """``did you mean "risk.max_position_pct"?`` for a key that does not exist; empty if nothing is like it.

    A key of that name in another section comes first, then one of the same section, then any.
    """
    known = [*all_keys(), *all_sections()]
    section, _, last = name.rpartition(".")
    by_last = {key.rpartition(".")[2]: key for key in known}
    siblings = {key.rpartition(".")[2]: key for key in known if key.rpartition(".")[0] == section}
    if last in by_last:
        return did_you_mean(by_last[last], known)
    of_section = nearest(last, siblings)
    return did_you_mean(siblings[of_section[0]] if of_section else name, known)


def _sections(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, shape in _fields(table):
        if "properties" in shape:
            yield prefix + name, " ".join(shape["description"].split())
            yield from _sections(shape, f"{prefix}{name}.")


def _keys(table: Mapping[str, Any], prefix: str = "") -> Iterator[Key]:
    for name, shape in _fields(table):
        if "properties" in shape:
            yield from _keys(shape, f"{prefix}{name}.")
            continue
        yield Key(
            name=prefix + name,
            default=shape.get("default"),
            allowed=_in_words(shape),
            description=" ".join(shape["description"].split()),
            is_list=shape.get("type") == "array",
        )


def _fields(table: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Name and JSON schema of each field of a table, references resolved."""
    for name, shape in table["properties"].items():
        yield name, _schema()["$defs"][shape["$ref"].rpartition("/")[2]] | shape if "$ref" in shape else shape


@cache
def _schema() -> dict[str, Any]:
    """The JSON schema, in which the docstring below a field is its description."""
    schema = AutopilotConfig.model_json_schema()
    for declaring in _declaring(AutopilotConfig()):
        table = schema if declaring is AutopilotConfig else schema["$defs"][declaring.__name__]
        for name, text in _docstrings(declaring).items():
            table["properties"][name]["description"] = text
    return schema


def _declaring(table: Any) -> Iterator[type]:
    """The class of a table, and of those in it."""
    yield type(table)
    names = [field.name for field in fields(table)] if is_dataclass(table) else list(type(table).model_fields)
    for value in (getattr(table, name) for name in names):
        if is_dataclass(value) or isinstance(value, Section):
            yield from _declaring(value)


def _docstrings(declaring: type) -> dict[str, str]:
    """By the name of the field above each."""
    (body,) = (node.body for node in ast.parse(dedent(getsource(declaring))).body if isinstance(node, ast.ClassDef))
    found = {}
    for above, below in pairwise(body):
        match above, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def _in_words(shape: Mapping[str, Any]) -> str:
    """The values that a JSON schema allows, in words. Covers only schemas of this configuration."""
    kinds = {kind["type"]: kind for kind in shape.get("anyOf", [shape])}
    if "null" in kinds:
        (present,) = (kind for name, kind in kinds.items() if name != "null")
        return f'{_in_words(present)}, or "" for not set'
    (kind, *_), first = kinds, next(iter(kinds.values()))
    shape = shape | first
    if "allowed" in shape:
        return str(shape["allowed"])
    if "enum" in shape:
        return "one of " + ", ".join(f'"{value}"' for value in shape["enum"])
    if kind == "boolean":
        return "true or false"
    return ("a whole number" if kind == "integer" else "a number") + _range(shape)


def _range(shape: Mapping[str, Any]) -> str:
    low = shape.get("minimum", shape.get("ge"))
    above = shape.get("exclusiveMinimum", shape.get("gt"))
    high = shape.get("maximum", shape.get("le"))
    start = f" from {low:,.15g}" if low is not None else f" above {above:,.15g}"
    return f"{start} to {high:,.15g}" if low is not None else f"{start}, at most {high:,.15g}"
