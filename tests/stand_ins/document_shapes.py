"""Whether a document is what its TypedDict says, to the last key."""

from __future__ import annotations

import types
from typing import Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def disagreements(value: Any, hint: Any, where: str = "") -> list[str]:
    """Each place where ``value`` is not of the type ``hint``: missing keys, keys that are not declared, wrong types."""
    origin, options = get_origin(hint), get_args(hint)
    if is_typeddict(hint):
        return _of_typed_dict(value, hint, where)
    if origin is NotRequired:
        return disagreements(value, options[0], where)
    if origin in (Union, types.UnionType):
        found = [disagreements(value, option, where) for option in options]
        return [] if not all(found) else max(found, key=len)
    if origin is Literal:
        return [] if value in options else [f"{where}: {value!r} is none of {options}"]
    if origin is list:
        if not isinstance(value, list):
            return [f"{where}: {value!r} is no list"]
        return [each for at, item in enumerate(value) for each in disagreements(item, options[0], f"{where}[{at}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{where}: {value!r} is no object"]
        return [each for key, item in value.items() for each in disagreements(item, options[1], f"{where}.{key}")]
    allowed = (int, float) if hint is float else hint
    is_right = isinstance(value, allowed) and (hint is bool or not isinstance(value, bool))
    return [] if is_right else [f"{where}: {value!r} is no {hint.__name__}"]


def _of_typed_dict(value: Any, hint: Any, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: {value!r} is no object"]
    declared = get_type_hints(hint, include_extras=True)
    required = {name for name, each in declared.items() if get_origin(each) is not NotRequired}
    return [
        *(f"{where}.{name} is missing" for name in sorted(required - value.keys())),
        *(f"{where}.{name} is not declared in {hint.__name__}" for name in sorted(value.keys() - declared.keys())),
        *(
            each
            for name, item in value.items()
            if name in declared
            for each in disagreements(item, declared[name], f"{where}.{name}")
        ),
    ]
