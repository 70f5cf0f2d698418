"""How a settings dataclass declares its configuration keys: types with bounds, and one docstring for each field.

The configuration is validated against these declarations by pydantic, in config/. Nothing here imports it:
annotated_types needs the standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from annotated_types import Ge, Gt, Le, MaxLen, Predicate

STRICT: Final[dict[str, Any]] = {
    "extra": "forbid",
    "strict": True,
    "allow_inf_nan": False,
}
"""The ``__pydantic_config__`` of every settings dataclass: no unknown key, no conversion between types, finite numbers.
The docstring below a field is the key's description; config/ reads it where it shows it."""

_DIGITS = 24
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Allowed:
    """Annotates a type with the values that it allows, in words, where bounds do not describe them."""

    words: str

    def __get_pydantic_json_schema__(self, schema: Any, handler: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """The type's JSON schema with the words as ``allowed``."""
        return handler(schema) | {"allowed": self.words}


def _has_few_digits(value: Decimal) -> bool:
    _, digits, exponent = value.as_tuple()
    return isinstance(exponent, int) and len(digits) <= _DIGITS and exponent >= -_DIGITS


def _is_moment(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def _is_span(span: tuple[int, int]) -> bool:
    return 0 <= span[0] < span[1]


Percent = Annotated[float, Gt(0), Le(100)]
Share = Annotated[float, Ge(0), Le(1)]
Fee = Annotated[float, Ge(0), Le(10)]
"""In percent of an order's value."""
Seed = Annotated[int, Ge(0), Le(2**32 - 1)]
Amount = Annotated[Decimal, Le(10**12), Predicate(_has_few_digits)]
Moment = Annotated[
    str,
    Predicate(_is_moment),
    Allowed('a date such as "2024-01-31" or a time such as "2024-01-31T12:00:00Z", in UTC'),
]
TimeSpan = Annotated[
    tuple[int, int],
    Predicate(_is_span),
    Allowed("two times in milliseconds since 1970, UTC, the earlier one first: [1704067200000, 1704070800000]"),
]
ExchangeName = Annotated[str, MaxLen(40), Predicate(_is_name), Allowed('a name in lower case, such as "coinbase"')]


def require_order(start: str | None, end: str | None) -> None:
    """Raises ValueError unless ``end`` comes after ``start``; both are a Moment or not set."""
    if start and end and utc_moment(start) >= utc_moment(end):
        raise ValueError(f'end = "{end}" does not come after start = "{start}"')


def utc_moment(text: str) -> datetime:
    """The time of a Moment."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
