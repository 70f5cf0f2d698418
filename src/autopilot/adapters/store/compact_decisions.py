"""A decision straight to its compact form, which takes half the time of the way by its document."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, cast

from autopilot.adapters.store.compact_documents import (
    LETTERS,
    MOST_DIGITS,
    NUMBER_OF,
    SHORT,
    compact_document,
    packed,
)
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.decision import Decision
from autopilot.domain.documents import document

_WIDTH = len("+1.23456e+00")
_LEAST, _MOST = 1e-9, 1e9
"""The sizes of numbers with a mark."""


def compact_decision(decision: Decision) -> bytes:
    """A compact form of ``document(decision)``."""
    values = _Values()
    made = values.of(decision)
    written = "%+.5e" * len(values.floats) % tuple(values.floats)
    if len(written) != _WIDTH * len(values.floats) or len(values.floats) > MOST_DIGITS:
        return compact_document(document(decision))
    column = [written[at::_WIDTH] for at in range(_WIDTH)]
    signs = map("".join, zip(column[0], *column[8:], strict=True))
    letters = [*map(LETTERS.get, signs)]
    if None in letters:
        return compact_document(document(decision))
    return packed(made, "".join(cast("list[str]", letters)), "".join((column[1], *column[3:8])))


class _Values:
    """Values as `compact_documents` has them; ``floats`` are the numbers with a mark, not yet rounded."""

    def __init__(self) -> None:
        self.floats: list[float] = []

    def of(self, value: Any) -> Any:
        kind: Any = type(value)
        if kind is float:
            if value in SHORT:
                return value
            if _LEAST <= value < _MOST or -_MOST < value <= -_LEAST:
                self.floats.append(value)
                return ()
            return document(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        return _way(kind)(self, value)

    def _object(self, names: tuple[str, ...], values: Any) -> Any:
        number = NUMBER_OF.get(names)
        made = map(self.of, values)
        return dict(zip(names, made, strict=True)) if number is None else [number, *made]


@cache
def _way(kind: Any) -> Callable[[_Values, Any], Any]:
    """How a value of this type is converted."""
    if kind is FeatureRow:
        return lambda values, row: values._object(row.names, row.values.tolist())
    if is_dataclass(kind):
        names = tuple(field.name for field in fields(kind))
        every = attrgetter(*names)
        return lambda values, value: values._object(names, every(value))
    if issubclass(kind, Enum):
        return lambda _, value: value.value
    if issubclass(kind, Decimal):
        return lambda _, value: format(value, "f")
    if issubclass(kind, Mapping):
        return lambda values, value: values._object(tuple(map(str, value)), value.values())
    return lambda values, value: [0, *map(values.of, value)]
