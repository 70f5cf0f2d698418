"""What an exchange's keys look like, so that a slip of the hand shows before they are stored. What looks wrong is never
repeated."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError

_PEM = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\n.+\n-----END ([A-Z]+ )?PRIVATE KEY-----", re.DOTALL)
_LEAST_SECRET_BYTES = 16


def require_shape(exchange: str, keys: ExchangeKeys) -> None:
    """Raises ConfigError that says what looks wrong."""
    problem = _odd(keys) or _CHECKS[exchange](keys)
    if problem:
        raise ConfigError(f"these are no keys of {exchange}: {problem}", hint=f"copy them again; {_HINTS[exchange]}")


def normalized(keys: ExchangeKeys) -> ExchangeKeys:
    """Without blanks around; a PEM key with its lines, where JSON has written it in one."""
    secret = keys.secret.replace("\\n", "\n").replace("\r\n", "\n").strip()
    return ExchangeKeys(keys.api_key.strip(), secret, keys.password)


def _odd(keys: ExchangeKeys) -> str:
    if not keys.api_key or not keys.secret:
        return f"the {'secret' if keys.api_key else 'key'} is empty"
    if not keys.api_key.isascii() or not keys.api_key.isprintable() or " " in keys.api_key:
        return "the key has characters that no key has"
    if not keys.secret.isascii():
        return "the secret has characters that no secret has"
    return "key and secret are the same" if keys.api_key == keys.secret else ""


def _kraken(keys: ExchangeKeys) -> str:
    try:
        size = len(base64.b64decode(keys.secret, validate=True))
    except ValueError:
        return "the private key is not base64"
    return "" if size >= _LEAST_SECRET_BYTES else "the private key is cut off"


def _binance(keys: ExchangeKeys) -> str:
    if _PEM.fullmatch(keys.secret):
        return ""
    is_plain = keys.secret.isalnum() and len(keys.secret) >= 2 * _LEAST_SECRET_BYTES
    return "" if is_plain else "the secret is neither letters and digits nor a PEM key"


def _coinbase(keys: ExchangeKeys) -> str:
    return "" if _PEM.fullmatch(keys.secret) else "the secret is not a whole PEM key"


_CHECKS: Mapping[str, Callable[[ExchangeKeys], str]] = {"binance": _binance, "coinbase": _coinbase, "kraken": _kraken}
_HINTS = {
    "binance": "the secret is shown once, when the key is made",
    "coinbase": "its private key has several lines: give the file with --secret-file",
    "kraken": "its private key ends with ==",
}
