"""Reads JSON as ``json.loads`` does, without importing ``json`` and with it ``re``, which takes longer than a query."""

from __future__ import annotations

from _json import make_scanner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SPACE = " \t\n\r"


class _Context:
    """The settings of ``json.JSONDecoder``, as the scanner of the C library reads them."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    """The names that JSON does not have (NaN, Infinity) are those that float takes."""


_scan = make_scanner(_Context)  # type: ignore[arg-type]  # it reads attributes of any object


def parsed(content: bytes) -> Any:
    """The value that the UTF-8 text has. Raises ValueError if it is not JSON, RecursionError if it is nested too
    deeply."""
    text = content.decode().lstrip(_SPACE)
    try:
        value, end = _scan(text, 0)
    except StopIteration as missing:
        raise ValueError(f"no JSON value at character {missing.value}") from None
    if text[end:].strip(_SPACE):
        raise ValueError(f"more than one JSON value: the next at character {end}")
    return value
