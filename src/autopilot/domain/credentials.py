"""The API keys of an account, and their passphrase."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExchangeKeys:
    """``password``: only for exchanges that require one. No field is ever shown."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Unlocks the file of the API keys. Never shown, not even in a traceback that shows variables."""

    text: str = field(repr=False)

    def encoded(self) -> bytes:
        """UTF-8, and the same however a keyboard composes an accent (NFC)."""
        return unicodedata.normalize("NFC", self.text).encode()


@dataclass(frozen=True, slots=True)
class KeyRights:
    """The permissions of a key; None for a permission that the exchange does not state."""

    can_trade: bool | None = None
    can_move_money: bool | None = None
    """By a withdrawal or a transfer to another account."""
    missing: tuple[str, ...] = ()
    """Permissions that trading needs and the key lacks, as the exchange names them."""
