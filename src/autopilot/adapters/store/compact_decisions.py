"""A decision straight to its compact form: the same bytes as by way of its document, in half the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any, cast

from autopilot.adapters.store.compact_documents import LETTERS, MOST_DIGITS, NUMBER_OF, packed
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.decision import Decision


def compact_decision(decision: Decision) -> bytes:
    """Equal to ``compact_document(document(decision))``."""
    values = _Values()
    return packed(values.of(decision), values.letters, values.digits)


class _Values:
    """Values as `compact_documents` has them; ``letters`` and ``digits`` are of the numbers with a mark."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.digits: list[str] = []

    def of(self, value: Any) -> Any:
        kind = type(value)
        if kind is float:
            return self._number(value)
        if kind is str or kind is int or kind is bool or value is None:
            return value
        return _way(cast(Hashable, kind))(self, value)

    def _number(self, value: float) -> Any:
        """Rounded to six digits, as documents are."""
        if not math.isfinite(value):
            return None
        text = f"{value:+.5e}"
        rounded = float(text)
        letter = LETTERS.get(text[0] + text[8:])
        if rounded * 100 % 1 == 0.0 or letter is None or len(self.letters) == MOST_DIGITS:
            return rounded
        self.letters.append(letter)
        self.digits.append(text[1] + text[3:8])
        return ()

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
