"""The API keys of an account on an exchange, and the passphrase that unlocks them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExchangeKeys:
    """API key and secret; ``password`` is for exchanges that need a third secret. They are never shown."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Unlocks the file of the exchange keys. It is never shown, not even in a traceback with variables."""

    text: str = field(repr=False)

    def encoded(self) -> bytes:
        """The text as UTF-8, normalized (NFC): the same for every way to type an accent."""
        return unicodedata.normalize("NFC", self.text).encode()


@dataclass(frozen=True, slots=True)
class KeyRights:
    """The rights of a key, as the exchange reports them; None if it does not report them."""

    can_trade: bool | None = None
    can_move_money: bool | None = None
    """Whether the key can withdraw or transfer money."""
    missing: tuple[str, ...] = ()
    """Rights that trading needs and the key lacks, in the exchange's own names."""
