"""The modes that users set, kept until they lift them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.account import exchange_of
from autopilot.domain.trading_mode import Restriction, TradingMode

EVERY_ACCOUNT = "*"


@dataclass(frozen=True, slots=True)
class ModeEntry:
    """``account``: `EVERY_ACCOUNT`, or ``*:kraken`` for those of one exchange; accounts that are opened later too.
    ``since_ms``: the machine's time; ``actor``: who set it."""

    account: str
    mode: TradingMode
    code: str
    why: str
    since_ms: int
    actor: str


def accounts_of(exchange: str | None) -> str:
    """What a `ModeEntry` holds for: one exchange's accounts; None: every account."""
    return EVERY_ACCOUNT if exchange is None else f"{EVERY_ACCOUNT}:{exchange}"


def holds_for(scope: str, account: str) -> bool:
    """Whether what is set for ``scope`` holds for this account, ``live:kraken`` for one."""
    return scope in (EVERY_ACCOUNT, accounts_of(exchange_of(account)))


class TradingModeStore(Protocol):
    """Also a RestrictionSource. Every change is durable when it returns. Raises StoreError."""

    def restrict(self, entry: ModeEntry) -> ModeEntry:
        """Set it, unless what is set for these accounts is as strict already; returns what is set now."""
        ...

    def lift(self, account: str, actor: str) -> tuple[ModeEntry, ...]:
        """Remove what is set for these accounts, for `EVERY_ACCOUNT` everything; returns what was removed."""
        ...

    def entries(self) -> tuple[ModeEntry, ...]:
        """All that is set."""
        ...

    def restrictions(self, account: str) -> tuple[Restriction, ...]:
        """Those in force for this account."""
        ...
