"""Types of keys that only the configuration uses."""

from __future__ import annotations

from typing import Annotated

from annotated_types import MaxLen
from pydantic import AfterValidator, Field

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import split_symbol
from autopilot.domain.setting_types import Allowed


def _symbol(text: str) -> str:
    try:
        split_symbol(text)
    except UnknownSymbol as error:
        raise ValueError(f"{error}: {error.hint}") from None
    return text


def _distinct(symbols: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
    if twice:
        raise ValueError(f"{', '.join(twice)} is listed more than once")
    return symbols


Symbols = Annotated[
    tuple[Annotated[str, AfterValidator(_symbol)], ...],
    Field(min_length=1, max_length=200),
    AfterValidator(_distinct),
    Allowed('a list such as ["BTC/USD", "ETH/USD"], without duplicates'),
]
CronSchedule = Annotated[
    str,
    Field(pattern=r"^([0-9a-zA-Z*/,-]+ ){4}[0-9a-zA-Z*/,-]+$"),
    MaxLen(100),
    Allowed('the five fields of a cron schedule, such as "0 3 * * 0"'),
]
SchedulerAddress = Annotated[
    str, Field(pattern=r"^[a-z]+://[^ /]+$"), MaxLen(300), Allowed('an address such as "tcp://host:8786"')
]
