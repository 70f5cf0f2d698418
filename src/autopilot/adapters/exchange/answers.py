"""What an exchange's answer proves. Only its own words that it refused a new order prove that there is none: neither
the class of ccxt's exception nor the HTTP status does. And only a whole answer proves that nothing is there: ccxt reads
a page of HTML as an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """No order exists. ``is_final``: sending it again would not help."""

    words: str
    is_final: bool


@dataclass(frozen=True, slots=True)
class AnswerReader:
    """How one exchange's answers are read: what a new order's answer refuses, whether a query's answer is whole,
    whether it says that there is no such order, and where a list goes on."""

    refusal: Callable[[str | None], Refusal | None]
    answered: Callable[[str | None], bool]
    absent: Callable[[str | None], bool] = lambda _: False
    cursor: Callable[[str | None], str] = lambda _: ""


def json_object(body: str | None) -> dict[str, Any]:
    """Empty for everything that is no JSON object."""
    answer = parsed_json(body)
    return answer if isinstance(answer, dict) else {}


def parsed_json(body: str | None) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body or "")
    except (ValueError, RecursionError):
        return None
