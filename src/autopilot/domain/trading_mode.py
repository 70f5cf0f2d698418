"""The trading modes of an account, and the restrictions that cause them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.order import Purpose

PAUSED_BY_USER = "PAUSED_BY_USER"
PANIC = "PANIC"
EXCHANGE_UNREACHABLE = "EXCHANGE_UNREACHABLE"
BOOKS_DIFFER = "BOOKS_DIFFER"
NOT_ARMED = "NOT_ARMED"
LEAVE_EXCEEDED = "LEAVE_EXCEEDED"


class TradingMode(StrEnum):
    """From the least to the most strict; each mode allows less than the one before."""

    ACTIVE = "active"
    """Entries and exits are sent."""
    REDUCING = "reducing"
    """Exits only, by signal, stop and target."""
    HALTED = "halted"
    """Only stop-losses of open positions are sent automatically."""

    @property
    def strictness(self) -> int:
        """0 for active; higher is stricter."""
        return _ORDER.index(self)

    def allows(self, purpose: Purpose) -> bool:
        """Whether an order of this purpose may be sent. Every mode allows sales that the user commands."""
        return purpose in _ALLOWED[self]


_ORDER = tuple(TradingMode)
_ALLOWED = {
    TradingMode.ACTIVE: frozenset(Purpose),
    TradingMode.REDUCING: frozenset(Purpose) - {Purpose.ENTRY},
    TradingMode.HALTED: frozenset({Purpose.STOP_LOSS, Purpose.FLATTEN}),
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """A reason to restrict an account. ``since_ms``: the machine's time; ``hint``: how to end the restriction."""

    code: str
    mode: TradingMode
    detail: str
    since_ms: int
    hint: str = ""

    @property
    def ends_resting_entries(self) -> bool:
        """Whether resting entries are canceled. A short outage of the exchange does not cost a place in its queue."""
        return self.code != EXCHANGE_UNREACHABLE


def strictest(restrictions: Iterable[Restriction]) -> Restriction | None:
    """The strictest restriction, the first of equals; None without any."""
    return max(restrictions, key=lambda each: each.mode.strictness, default=None)


def mode_of(restrictions: Iterable[Restriction]) -> TradingMode:
    """The effective mode: that of the strictest restriction."""
    decisive = strictest(restrictions)
    return decisive.mode if decisive else TradingMode.ACTIVE


def holding_back(restrictions: Iterable[Restriction], purpose: Purpose) -> Restriction | None:
    """The restriction that forbids orders of this purpose; None if they may be sent."""
    decisive = strictest(restrictions)
    return None if decisive is None or decisive.mode.allows(purpose) else decisive
