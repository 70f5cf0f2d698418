"""Reading API keys, so that a typing mistake shows before a key is stored. No error repeats any part of a key."""

from __future__ import annotations

import base64

from autopilot.domain.credentials import ExchangeKeys


def normalized(keys: ExchangeKeys) -> ExchangeKeys:
    """Without blanks around; a PEM key that JSON holds in one line gets its lines back."""
    secret = keys.secret.strip().replace("\\n", "\n").replace("\r\n", "\n").strip()
    return ExchangeKeys(keys.api_key.strip(), secret, keys.password)


def decoded_base64(text: str) -> bytes | None:
    """None if ``text`` is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def private_key(text: str) -> object:
    """The key in PEM form; None if ``text`` is not a whole key, or needs a password."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        return load_pem_private_key(text.encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
