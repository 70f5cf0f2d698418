"""The keys of an account on an exchange, and what unlocks them."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExchangeKeys:
    """``password`` where the exchange asks for one. None of it is ever shown."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Passphrase:
    """Opens the file of the exchange keys. Never shown, not even where a traceback shows variables."""

    text: str = field(repr=False)

    def encoded(self) -> bytes:
        """UTF-8, and the same however a keyboard composes an accent (NFC)."""
        return unicodedata.normalize("NFC", self.text).encode()


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What the exchange says that a key may do; None where it does not say."""

    can_trade: bool | None = None
    can_move_money: bool | None = None
    """Out of the account, by a withdrawal or a transfer."""
    missing: tuple[str, ...] = ()
    """What trading needs and the key may not do, as the exchange names it."""
