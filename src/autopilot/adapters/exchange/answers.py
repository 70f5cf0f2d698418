"""What an exchange's answer proves.

Only the exchange's own words prove that it rejected a new order: neither the class of ccxt's exception nor the HTTP
status does. Only a whole answer proves that a list is empty: ccxt reads a page of HTML as an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """The exchange rejected a new order: it does not exist. ``is_final``: sending it again would not help."""

    words: str
    is_final: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReader:
    """How one exchange's answers are read, from the body of its last response.

    ``refusal`` of a new order, None if the answer proves no rejection; ``is_whole``: whether a query was answered in
    full; ``has_no_order``: whether the answer says that the order does not exist; ``cursor`` of a list's next page.
    """

    refusal: Callable[[str | None], Refusal | None]
    is_whole: Callable[[str | None], bool]
    has_no_order: Callable[[str | None], bool] = lambda _: False
    cursor: Callable[[str | None], str] = lambda _: ""


def json_object(body: str | None) -> dict[str, Any]:
    """The JSON object in ``body``; empty if it holds anything else."""
    answer = parsed_json(body)
    return answer if isinstance(answer, dict) else {}


def parsed_json(body: str | None) -> Any:
    """The JSON value in ``body``; None if it is not JSON."""
    try:
        return json.loads(body or "")
    except (ValueError, RecursionError):
        return None
