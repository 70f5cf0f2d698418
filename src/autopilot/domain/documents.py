"""Domain values as JSON documents: stored, sent over the socket, and printed with --json."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from autopilot.domain.conditions import FeatureRow


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def document(value: Any) -> Any:
    """Money becomes a string, a float its six leading digits, NaN null; dataclasses become objects."""
    kind = type(value)
    if kind is float:
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if kind in _AS_IT_IS:
        return value
    if isinstance(value, Enum):
        return value.value
    return _composite(value)


_AS_IT_IS = frozenset({str, int, bool, type(None)})
"""Types that need no conversion; checked first, because a decision has some five hundred of them."""


def _composite(value: Any) -> Any:
    if isinstance(value, FeatureRow):
        return {name: document(number) for name, number in zip(value.names, value.values.tolist(), strict=True)}
    if is_dataclass(value) and not isinstance(value, type):
        return {name: document(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Mapping):
        return {str(key): document(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return document(value.tolist())
    return [document(item) for item in value]
