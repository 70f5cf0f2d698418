"""Frozen values as table rows and back: each field is the column of the same name, with money as text and enums by
value."""

from __future__ import annotations

import json
import sqlite3
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields
from decimal import Decimal
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.order import OrderStatus

T = TypeVar("T")
IS_OPEN = f"status NOT IN ({', '.join(repr(status.value) for status in OrderStatus if status.is_final)})"
"""SQL that is true for a row of ``orders`` whose order is not over."""
IS_COMPLETE = (
    "d.candle_at_ms >= coalesce((SELECT until_ms FROM pruned_decisions AS p"
    " WHERE p.account = d.account AND p.symbol = d.symbol AND p.timeframe = d.timeframe), d.candle_at_ms)"
)
"""SQL that is true for a row ``d`` of ``decisions`` in the period of which every decision is still stored. Statistics
of older ones would be of those with a signal only."""


def to_row(value: Any) -> dict[str, Any]:
    """Column values by name, in the order of the fields."""
    return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}


def from_row(kind: Callable[..., T], row: sqlite3.Row | Mapping[str, Any]) -> T:
    """The inverse of `to_row` for the dataclass ``kind``. Columns without a field are ignored.

    Raises StoreCorrupt when the value of a column is invalid for its field.
    """
    with stored_value(kind.__name__):
        return kind(**{name: _typed(convert, row[name]) for name, convert in _converters(kind).items()})


def from_json(text: str) -> Any:
    """A stored JSON document. Raises StoreCorrupt."""
    with stored_value("document"):
        return json.loads(text)


@contextmanager
def stored_value(what: str) -> Iterator[None]:
    """Raises StoreCorrupt if parsing a stored value in the block fails. ``what`` names the value in the error."""
    try:
        yield
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
        raise StoreCorrupt(f"the database holds an unreadable {what}: {error!r}", hint="restore a backup") from error


def insert(table: str, kind: type[Any], *, or_update: str = "") -> str:
    """An INSERT with named parameters for every field; ``or_update`` names the key columns of an upsert."""
    names = [field.name for field in fields(kind)]
    sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(':' + name for name in names)})"
    if or_update:
        rest = ", ".join(f"{name} = excluded.{name}" for name in names if name not in or_update.split(", "))
        sql += f" ON CONFLICT ({or_update}) DO UPDATE SET {rest}"
    return sql


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, Enum):
        return value.value
    return int(value) if isinstance(value, bool) else value


def _typed(convert: type[Any] | None, value: Any) -> Any:
    if value is None or convert is None:
        return value
    made = convert(value)
    if isinstance(made, Decimal) and not made.is_finite():
        raise ValueError(f"{value!r} is no amount")
    return made


@cache
def _converters(kind: Any) -> dict[str, type[Any] | None]:
    hints = get_type_hints(kind)
    return {field.name: _converter(hints[field.name]) for field in fields(kind)}


def _converter(hint: Any) -> type[Any] | None:
    options = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    plain = next(option for option in options if option is not type(None))
    return plain if isinstance(plain, type) and issubclass(plain, Decimal | Enum | bool) else None
