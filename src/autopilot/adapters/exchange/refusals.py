"""What an exchange's answer proves. Only its own words that it refused a new order prove that there is none: neither
the class of ccxt's exception nor the HTTP status does. And only a whole answer proves that nothing is there: ccxt reads
a page of HTML as an empty list.
"""

from __future__ import annotations

import json
import re
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
_BINANCE_UNCLEAR = frozenset({-1000, -1001, -1004, -1006, -1007, -1016})
"""Unknown, disconnected, busy, unexpected response, time-out ("execution status unknown"), shutting down."""
_BINANCE_TWICE = "Duplicate order sent."
"""An order of this id is there. Source: https://developers.binance.com/docs/binance-spot-api-docs/errors."""
_BINANCE_LATER = frozenset({-1003, -1008, -1015, -1021})
"""Too many requests or orders, overloaded, outside of recvWindow."""
_COINBASE_FINAL = frozenset(
    {
        "invalid_argument",
        "out_of_range",
        "failed_precondition",
        "not_found",
        "permission_denied",
        "unimplemented",
        "param_required",
        "validation_error",
        "invalid_request",
        "invalid_scope",
        "invalid_authentication_method",
        "authentication_error",
        "invalid_token",
        "revoked_token",
        "expired_token",
        "two_factor_required",
        "unverified_email",
        "personal_details_required",
        "identity_verification_required",
    }
)
"""Of gRPC's states, and of Coinbase's older words, those that come before anything is done. Others, such as INTERNAL,
are told of orders that were made, too: https://github.com/ccxt/ccxt/issues/18060."""
_COINBASE_LATER = frozenset({"unauthorized", "unauthenticated", "rate_limit_exceeded"})
_COINBASE_REASONS = ("error", "preview_failure_reason", "new_order_failure_reason")
_COINBASE_NO_REASON = re.compile("UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE|TIMEOUT|ABORTED|CANCELLED|EXHAUSTED|DATA_LOSS")
_COINBASE_TWICE = re.compile("DUPLICATE|ALREADY_EXISTS")


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
    words = str(answer.get("msg", ""))
    if not isinstance(code, int) or code >= 0 or code in _BINANCE_UNCLEAR or _BINANCE_TWICE in words:
        return None
    return Refusal(f"{code}: {words}", is_final=code not in _BINANCE_LATER)


def coinbase_refusal(body: str | None) -> Refusal | None:
    """``{"success": false, "error_response": {…}}``, or ``{"error": …, "message": …}`` of a request not taken."""
    answer = _document(body)
    told = answer.get("error_response")
    if answer.get("success") is False and isinstance(told, dict):
        codes = [str(told[name]) for name in _COINBASE_REASONS if told.get(name)]
        reasons = [code for code in codes if not _COINBASE_NO_REASON.search(code.upper())]
        if not reasons or any(_COINBASE_TWICE.search(code.upper()) for code in codes):
            return None
        return Refusal(" ".join((*reasons, str(told.get("message") or ""))).strip(), is_final=True)
    error = str(answer.get("error"))
    is_later = error.lower() in _COINBASE_LATER
    if not is_later and error.lower() not in _COINBASE_FINAL:
        return None
    return Refusal(f"{error}: {answer.get('message', '')}", is_final=not is_later)


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
    """An object with one of the things that are asked for, and with where there is more if it says that there is."""
    asked = ("orders", "order", "fills", "accounts", "products", "results", "data", "can_trade")
    answer = _document(body)
    return any(name in answer for name in asked) and not (answer.get("has_next") and not answer.get("cursor"))


def coinbase_cursor(body: str | None) -> str:
    """``{"orders": […], "has_next": true, "cursor": "…"}``; lists of fills say nothing of ``has_next``."""
    answer = _document(body)
    return str(answer.get("cursor") or "") if answer.get("has_next", True) else ""


def binance_absent(body: str | None) -> bool:
    """``{"code": -2013, "msg": "Order does not exist."}``."""
    return _document(body).get("code") == -2013


@dataclass(frozen=True, slots=True)
class Words:
    """How one exchange's answers are read: what a new order's answer refuses, whether a query's answer is whole,
    whether it says that there is no such order, and where a list goes on."""

    refusal: Callable[[str | None], Refusal | None]
    answered: Callable[[str | None], bool]
    absent: Callable[[str | None], bool] = lambda _: False
    cursor: Callable[[str | None], str] = lambda _: ""


WORDS: Mapping[str, Words] = {
    "binance": Words(binance_refusal, binance_answered, absent=binance_absent),
    "coinbase": Words(coinbase_refusal, coinbase_answered, cursor=coinbase_cursor),
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
