"""What an exchange's answer to a new order proves: only its own words that it refused it prove that there is none.

Neither the class of ccxt's exception nor the HTTP status does. What is not read as a refusal leaves the order unknown.
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


_KRAKEN_UNCLEAR = ("EService:Timeout", "EService:Unavailable", "EService:Busy", "EGeneral:Internal error", "EDatabase:")
"""It may have been accepted before that."""
_KRAKEN_LATER = ("Rate limit", "Too many requests", "Temporary lockout", "Invalid nonce", "Deadline elapsed", "mode")
_BINANCE_UNCLEAR = frozenset({-1000, -1001, -1006, -1007, -1016})
"""Unknown, disconnected, unexpected response, time-out ("execution status unknown"), shutting down."""
_BINANCE_LATER = frozenset({-1003, -1008, -1015, -1021})
"""Too many requests or orders, overloaded, outside of recvWindow."""
_COINBASE_LATER = ("RATE_LIMIT", "rate_limit", "Unauthorized")


def kraken_refusal(body: str | None) -> Refusal | None:
    """``{"error": ["EOrder:Insufficient funds"]}``."""
    answer = _document(body)
    errors = answer.get("error")
    if not isinstance(errors, list) or not errors or answer.get("result"):
        return None
    words = "; ".join(str(each) for each in errors)
    if any(each in words for each in _KRAKEN_UNCLEAR):
        return None
    return Refusal(words, is_final=not any(each in words for each in _KRAKEN_LATER))


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
        words = " ".join(str(told[name]) for name in ("error", "message", "preview_failure_reason") if told.get(name))
        return None if "UNKNOWN" in words and len(words.split()) == 1 else Refusal(words, is_final=True)
    error = answer.get("error")
    if not isinstance(error, str) or error in ("unknown", "internal"):
        return None
    words = f"{error}: {answer.get('message', '')}"
    return Refusal(words, is_final=not any(each in words for each in _COINBASE_LATER))


ReadRefusal = Callable[[str | None], Refusal | None]


def _document(body: str | None) -> dict[str, Any]:
    """Empty for everything that is no JSON object."""
    try:
        answer = json.loads(body or "")
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
