"""What an exchange's keys look like, so that a slip of the hand shows before they are stored. What looks wrong is never
repeated."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ConfigError

_COINBASE_NAME = re.compile(r"organizations/[0-9a-f-]{36}/apiKeys/[0-9a-f-]{36}")
_LETTERS = re.compile(r"[A-Za-z0-9]{64}")
_SIGNING_BYTES = 64
"""Of a secret of Kraken's, and of a key of Coinbase's other kind (Ed25519: seed and public key)."""


def require_shape(exchange: str, keys: ExchangeKeys) -> None:
    """Raises ConfigError that says what looks wrong."""
    problem = _odd(keys) or _CHECKS[exchange](keys)
    if problem:
        raise ConfigError(f"these are no keys of {exchange}: {problem}", hint=f"copy them again; {_HINTS[exchange]}")


def normalized(keys: ExchangeKeys) -> ExchangeKeys:
    """Without blanks around; a PEM key with its lines, where JSON has written it in one."""
    secret = keys.secret.strip().replace("\\n", "\n").replace("\r\n", "\n").strip()
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
    secret = _decoded(keys.secret)
    if secret is not None and len(secret) == _SIGNING_BYTES:
        return ""
    if len(_decoded(keys.api_key) or b"") == _SIGNING_BYTES:
        return "the API key and the private key have changed places"
    if secret is None:
        return "the private key is not base64, or is cut off"
    return f"the private key has {len(secret)} bytes of {_SIGNING_BYTES}"


def _binance(keys: ExchangeKeys) -> str:
    if not _LETTERS.fullmatch(keys.api_key):
        return "the API key has not 64 letters and digits"
    if _LETTERS.fullmatch(keys.secret) or isinstance(_private_key(keys.secret), Ed25519PrivateKey | RSAPrivateKey):
        return ""
    return "the secret is neither 64 letters and digits nor a whole PEM key, Ed25519 or RSA, without a password"


def _coinbase(keys: ExchangeKeys) -> str:
    if not _COINBASE_NAME.fullmatch(keys.api_key):
        return "the API key is not a name as organizations/…/apiKeys/…"
    if len(_decoded(keys.secret) or b"") == _SIGNING_BYTES:
        return "it is an Ed25519 key, with which trading is not possible"
    key = _private_key(keys.secret)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP256R1):
        return ""
    return "the secret is not a whole PEM key, ECDSA"


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def _private_key(text: str) -> object:
    """None where it is none, or has a password."""
    try:
        return load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None


_CHECKS: Mapping[str, Callable[[ExchangeKeys], str]] = {"binance": _binance, "coinbase": _coinbase, "kraken": _kraken}
_HINTS = {
    "binance": "the secret is shown once, when the key is made",
    "coinbase": "choose ECDSA when you make the key, and give its file with --secret-file or paste all its lines",
    "kraken": "its private key has 88 characters and ends with ==",
}
