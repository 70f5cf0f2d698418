"""What an account may do by itself, and why it may not do more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.account import exchange_of
from autopilot.domain.order import Purpose

PAUSED_BY_USER = "PAUSED_BY_USER"
PANIC = "PANIC"
EXCHANGE_UNREACHABLE = "EXCHANGE_UNREACHABLE"
BOOKS_DIFFER = "BOOKS_DIFFER"
NOT_ARMED = "NOT_ARMED"
LEAVE_EXCEEDED = "LEAVE_EXCEEDED"
EVERY_ACCOUNT = "*"


class TradingMode(StrEnum):
    """From the freest to the strictest; each allows less than the one before."""

    ACTIVE = "active"
    """Entries and exits."""
    REDUCING = "reducing"
    """Nothing is bought. Exits by signal, stop and target go on."""
    HALTED = "halted"
    """Nothing is sent by itself but stop-losses of what is held."""

    @property
    def strictness(self) -> int:
        """0 for active; the stricter, the higher."""
        return _ORDER.index(self)

    def allows(self, purpose: Purpose) -> bool:
        """Whether an order of this purpose may be sent. What the user asks to be sold is not sent by itself."""
        return purpose in _ALLOWED[self]


_ORDER = tuple(TradingMode)
_ALLOWED = {
    TradingMode.ACTIVE: frozenset(Purpose),
    TradingMode.REDUCING: frozenset(Purpose) - {Purpose.ENTRY},
    TradingMode.HALTED: frozenset({Purpose.STOP_LOSS, Purpose.FLATTEN}),
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """One reason why an account may not do everything. ``since_ms``: the machine's time; ``hint``: what ends it."""

    code: str
    mode: TradingMode
    detail: str
    since_ms: int
    hint: str = ""

    @property
    def ends_resting_entries(self) -> bool:
        """An exchange that does not answer for a moment is no reason to give up an order's place in the queue."""
        return self.code != EXCHANGE_UNREACHABLE


def strictest(restrictions: Iterable[Restriction]) -> Restriction | None:
    """The strictest restriction, the first of equals; None without any."""
    return max(restrictions, key=lambda each: each.mode.strictness, default=None)


def mode_of(restrictions: Iterable[Restriction]) -> TradingMode:
    """The effective mode: that of the strictest."""
    decisive = strictest(restrictions)
    return decisive.mode if decisive else TradingMode.ACTIVE


def holding_back(restrictions: Iterable[Restriction], purpose: Purpose) -> Restriction | None:
    """Why an order of this purpose must not be sent; None when it may be."""
    decisive = strictest(restrictions)
    return None if decisive is None or decisive.mode.allows(purpose) else decisive


@dataclass(frozen=True, slots=True)
class ModeEntry:
    """A mode that a user set. ``account``: `EVERY_ACCOUNT`, or ``*:kraken`` for those of one exchange; it includes
    accounts that are opened later. ``since_ms``: the machine's time; ``actor``: who set it."""

    account: str
    mode: TradingMode
    code: str
    why: str
    since_ms: int
    actor: str


def accounts_of(exchange: str | None) -> str:
    """The ``account`` of a `ModeEntry` for one exchange, or for every account if ``exchange`` is None."""
    return EVERY_ACCOUNT if exchange is None else f"{EVERY_ACCOUNT}:{exchange}"


def holds_for(scope: str, account: str) -> bool:
    """Whether a mode of ``scope`` includes the account, such as ``live:kraken``."""
    return scope in (EVERY_ACCOUNT, accounts_of(exchange_of(account)))
