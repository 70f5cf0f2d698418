"""The keys of an account on an exchange."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ExchangeKeys:
    """``password`` where the exchange asks for one. None of it is ever shown."""

    api_key: str = field(repr=False)
    secret: str = field(repr=False)
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class KeyRights:
    """What the exchange says that a key may do; None where it does not say."""

    can_trade: bool | None = None
    can_move_money: bool | None = None
    """Out of the account, by a withdrawal or a transfer."""
