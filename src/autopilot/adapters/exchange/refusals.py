"""What an exchange's answer proves. Only its own words that it refused a new order prove that there is none: neither
the class of ccxt's exception nor the HTTP status does. And only a whole answer proves that nothing is there: ccxt reads
a page of HTML as an empty list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """No order exists. ``is_final``: sending it again would not help."""

    words: str
    is_final: bool


_KRAKEN_UNCLEAR = ("EService:Timeout", "EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EDatabase:")
"""It may have been accepted before that."""
_KRAKEN_TWICE = "cl_ord_id not unique"
"""An order of this id is there."""
_KRAKEN_LATER = ("Rate limit", "Too many requests", "Throttled", "Temporary lockout", "Invalid nonce", "mode")
_KRAKEN_LATE = ("Deadline elapsed", "arguments:deadline")
_KRAKEN_ABSENT = ("EOrder:Unknown order", "EOrder:Invalid order")
_BINANCE_UNCLEAR = frozenset({-1000, -1001, -1006, -1007, -1016})
"""Unknown, disconnected, unexpected response, time-out ("execution status unknown"), shutting down."""
_BINANCE_LATER = frozenset({-1003, -1008, -1015, -1021})
"""Too many requests or orders, overloaded, outside of recvWindow."""
_COINBASE_REASONS = ("error", "message", "preview_failure_reason", "new_order_failure_reason")
_COINBASE_LATER = ("RATE_LIMIT", "rate_limit", "Unauthorized")


def kraken_refusal(body: str | None) -> Refusal | None:
    """``{"error": ["EOrder:Insufficient funds"]}``."""
    answer = _document(body)
    errors = answer.get("error")
    if not isinstance(errors, list) or not errors or answer.get("result"):
        return None
    words = "; ".join(str(each) for each in errors)
    if any(each in words for each in (*_KRAKEN_UNCLEAR, _KRAKEN_TWICE)):
        return None
    return Refusal(words, is_final=not any(each in words for each in (*_KRAKEN_LATER, *_KRAKEN_LATE)))


def binance_refusal(body: str | None) -> Refusal | None:
    """``{"code": -2010, "msg": "Account has insufficient balance"}``."""
    answer = _document(body)
    code = answer.get("code")
    if not isinstance(code, int) or code >= 0 or code in _BINANCE_UNCLEAR:
        return None
    return Refusal(f"{code}: {answer.get('msg', '')}", is_final=code not in _BINANCE_LATER)


def coinbase_refusal(body: str | None) -> Refusal | None:
    """``{"success": false, "error_response": {…}}``, or ``{"error": …, "message": …}`` of a request not taken."""
    answer = _document(body)
    told = answer.get("error_response")
    if answer.get("success") is False and isinstance(told, dict):
        reasons = [str(told[name]) for name in _COINBASE_REASONS if told.get(name)]
        words = " ".join(each for each in reasons if not each.startswith("UNKNOWN_"))
        return Refusal(words, is_final=True) if words else None
    error = answer.get("error")
    if not isinstance(error, str) or error in ("unknown", "internal"):
        return None
    words = f"{error}: {answer.get('message', '')}"
    return Refusal(words, is_final=not any(each in words for each in _COINBASE_LATER))


def kraken_answered(body: str | None) -> bool:
    """``{"error": [], "result": {…}}``."""
    answer = _document(body)
    return answer.get("error") == [] and isinstance(answer.get("result"), dict)


def kraken_absent(body: str | None) -> bool:
    """Of an order whose id Kraken itself gave. That an answer is empty proves nothing: a key may be for a part of the
    history only."""
    errors = _document(body).get("error")
    return isinstance(errors, list) and len(errors) == 1 and errors[0] in _KRAKEN_ABSENT


def binance_answered(body: str | None) -> bool:
    """A list, or an object that tells of no error."""
    answer = _parsed(body)
    return isinstance(answer, list) or (isinstance(answer, dict) and bool(answer) and "code" not in answer)


def coinbase_answered(body: str | None) -> bool:
    """An object with one of the things that are asked for."""
    asked = ("orders", "order", "fills", "accounts", "products", "results", "data", "can_trade")
    return any(name in _document(body) for name in asked)


@dataclass(frozen=True, slots=True)
class Words:
    """How one exchange's answers are read: what a new order's answer refuses, whether a query's answer is whole, and
    whether it says that there is no such order."""

    refusal: Callable[[str | None], Refusal | None]
    answered: Callable[[str | None], bool]
    absent: Callable[[str | None], bool] = lambda _: False


WORDS: Mapping[str, Words] = {
    "binance": Words(binance_refusal, binance_answered),
    "coinbase": Words(coinbase_refusal, coinbase_answered),
    "kraken": Words(kraken_refusal, kraken_answered, absent=kraken_absent),
}


def _document(body: str | None) -> dict[str, Any]:
    """Empty for everything that is no JSON object."""
    answer = _parsed(body)
    return answer if isinstance(answer, dict) else {}


def _parsed(body: str | None) -> Any:
    """None for what is no JSON."""
    try:
        return json.loads(body or "")
    except (ValueError, RecursionError):
        return None
