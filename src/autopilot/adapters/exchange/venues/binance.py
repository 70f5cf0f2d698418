"""Binance: its orders, its refusals, its keys."""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from autopilot.adapters.exchange.answers import Refusal, json_object, parsed_json
from autopilot.adapters.exchange.key_shapes import private_key
from autopilot.domain.credentials import ExchangeKeys

_LETTERS = re.compile(r"[A-Za-z0-9]{64}")


def binance_key_problem(keys: ExchangeKeys) -> str:
    if not _LETTERS.fullmatch(keys.api_key):
        return "the API key has not 64 letters and digits"
    if _LETTERS.fullmatch(keys.secret) or isinstance(private_key(keys.secret), Ed25519PrivateKey | RSAPrivateKey):
        return ""
    return "the secret is neither 64 letters and digits nor a whole PEM key, Ed25519 or RSA, without a password"


_BINANCE_UNCLEAR = frozenset({-1000, -1001, -1004, -1006, -1007, -1016})
"""Unknown, disconnected, busy, unexpected response, time-out ("execution status unknown"), shutting down."""
_BINANCE_TWICE = "Duplicate order sent."
"""An order of this id is there. Source: https://developers.binance.com/docs/binance-spot-api-docs/errors."""
_BINANCE_LATER = frozenset({-1003, -1008, -1015, -1021})
"""Too many requests or orders, overloaded, outside of recvWindow."""


def binance_refusal(body: str | None) -> Refusal | None:
    """``{"code": -2010, "msg": "Account has insufficient balance"}``."""
    answer = json_object(body)
    code = answer.get("code")
    words = str(answer.get("msg", ""))
    if not isinstance(code, int) or code >= 0 or code in _BINANCE_UNCLEAR or _BINANCE_TWICE in words:
        return None
    return Refusal(f"{code}: {words}", is_final=code not in _BINANCE_LATER)


def binance_answered(body: str | None) -> bool:
    """A list, or an object that tells of no error."""
    answer = parsed_json(body)
    return isinstance(answer, list) or (isinstance(answer, dict) and bool(answer) and "code" not in answer)


def binance_absent(body: str | None) -> bool:
    """``{"code": -2013, "msg": "Order does not exist."}``."""
    return json_object(body).get("code") == -2013
