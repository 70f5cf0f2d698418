"""What an exchange's keys look like, so that a slip of the hand shows before they are stored. What looks wrong is never
repeated."""

from __future__ import annotations

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from autopilot.domain.credentials import ExchangeKeys

SIGNING_BYTES = 64
"""Of a secret of Kraken's, and of a key of Coinbase's other kind (Ed25519: seed and public key)."""


def normalized(keys: ExchangeKeys) -> ExchangeKeys:
    """Without blanks around; a PEM key with its lines, where JSON has written it in one."""
    secret = keys.secret.strip().replace("\\n", "\n").replace("\r\n", "\n").strip()
    return ExchangeKeys(keys.api_key.strip(), secret, keys.password)


def decoded_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def private_key(text: str) -> object:
    """None where it is none, or has a password."""
    try:
        return load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
