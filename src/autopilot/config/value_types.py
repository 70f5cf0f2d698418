"""The kinds of values that the configuration holds, each checked and read as a person would write it in TOML."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import split_symbol
from autopilot.domain.money import to_decimal


def _unset(value: Any) -> Any:
    """TOML has no null: an empty text says "not set"."""
    return None if value == "" else value


def _amount(value: Any) -> Any:
    """Money is written as a number or as text; a float means the decimal that it is written as."""
    return to_decimal(value) if isinstance(value, float) else value


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic reports ValueError
    return value


def _date_text(value: Any) -> Any:
    """TOML's own dates are welcome without quotes."""
    return value.isoformat() if isinstance(value, dt.date) else value


def _iso_moment(text: str) -> str:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('must be a date as "2024-01-31" or a moment as "2024-01-31T12:00:00Z", in UTC') from None
    return text


def _symbol(text: str) -> str:
    try:
        split_symbol(text)
    except UnknownSymbol as error:
        raise ValueError(f"{error}: {error.hint}") from None
    return text


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ValueError(f"names {', '.join(twice)} more than once")
    return symbols


def _forwards(span: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= span[0] < span[1]:
        raise ValueError("must be two moments, the earlier one first")
    return span


def check_order(start: str | None, end: str | None) -> None:
    if start and end and _moment(start) >= _moment(end):
        raise ValueError(f'end = "{end}" does not come after start = "{start}"')


def _moment(text: str) -> dt.datetime:
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


Amount = Annotated[
    Decimal, BeforeValidator(_amount), BeforeValidator(_refuse_bool), Field(strict=False, le=10**12, max_digits=24)
]
Percent = Annotated[float, Field(gt=0, le=100)]
Fee = Annotated[float, Field(ge=0, le=10)]
Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
Share = Annotated[float, Field(ge=0, le=1)]
Moment = Annotated[
    str, BeforeValidator(_date_text), AfterValidator(_iso_moment), Field(json_schema_extra={"format": "moment"})
]
Span = Annotated[
    tuple[int, int], Field(strict=False), AfterValidator(_forwards), Field(json_schema_extra={"format": "span_ms"})
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=40, json_schema_extra={"format": "name"})]
Symbols = Annotated[
    tuple[Annotated[str, AfterValidator(_symbol)], ...],
    Field(strict=False, min_length=1, max_length=200),
    AfterValidator(_distinct),
]
CronSchedule = Annotated[
    str,
    Field(pattern=r"^([0-9a-zA-Z*/,-]+ ){4}[0-9a-zA-Z*/,-]+$", max_length=100, json_schema_extra={"format": "cron"}),
]
SchedulerAddress = Annotated[
    str, Field(pattern=r"^[a-z]+://[^ /]+$", max_length=300, json_schema_extra={"format": "address"})
]
NONE_IF_EMPTY = BeforeValidator(_unset)
"""For an optional value."""
