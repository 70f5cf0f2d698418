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
KEY_SHARED = "KEY_SHARED"
BOOKS_DIFFER = "BOOKS_DIFFER"
NOT_ARMED = "NOT_ARMED"
LEAVE_EXCEEDED = "LEAVE_EXCEEDED"
CHAMPION_LOST = "CHAMPION_LOST"
MODEL_UNREAD = "MODEL_UNREAD"
AUDIT_ALTERED = "AUDIT_ALTERED"
DISK_FULL = "DISK_FULL"
EVERY_ACCOUNT = "*"
WRITE_OFF = (
    "sell or withdraw it on the exchange's own page, then take it out of the books: autopilot resume --write-off"
)
"""The way out of a market that the exchange no longer has, for the user."""


class TradingMode(StrEnum):
    """From the least to the most strict; each mode allows less than the one before."""

    ACTIVE = "active"
    """Entries and exits are sent."""
    REDUCING = "reducing"
    """Exits only, by signal, stop and target."""
    HALTED = "halted"
    """Only stop-losses are sent automatically."""

    @property
    def strictness(self) -> int:
        """0 for active; higher is stricter."""
        return _ORDER.index(self)

    def allows(self, purpose: Purpose) -> bool:
        """Whether an order of this purpose may be sent automatically. A sale that the user asked for is not
        automatic."""
        return purpose in _ALLOWED[self]


_ORDER = tuple(TradingMode)
_ALLOWED = {
    TradingMode.ACTIVE: frozenset(Purpose),
    TradingMode.REDUCING: frozenset(Purpose) - {Purpose.ENTRY},
    TradingMode.HALTED: frozenset({Purpose.STOP_LOSS, Purpose.FLATTEN}),
}


@dataclass(frozen=True, slots=True)
class Restriction:
    """A reason why an account may not trade freely. ``since_ms``: the machine's time. ``hint``: how it ends."""

    code: str
    mode: TradingMode
    detail: str
    since_ms: int
    hint: str = ""

    @property
    def ends_resting_entries(self) -> bool:
        """Whether resting entries are canceled. What is over in a moment is no reason to lose an order's place in the
        queue."""
        return self.code not in (EXCHANGE_UNREACHABLE, KEY_SHARED, MODEL_UNREAD)


def strictest(restrictions: Iterable[Restriction]) -> Restriction | None:
    """The strictest restriction, the first of equals; None without any."""
    return max(restrictions, key=lambda each: each.mode.strictness, default=None)


def mode_of(restrictions: Iterable[Restriction]) -> TradingMode:
    """The effective mode: the mode of the strictest restriction."""
    decisive = strictest(restrictions)
    return decisive.mode if decisive else TradingMode.ACTIVE


def holding_back(restrictions: Iterable[Restriction], purpose: Purpose) -> Restriction | None:
    """The restriction that forbids orders of this purpose; None if they are allowed."""
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

    @property
    def weight(self) -> tuple[int, bool]:
        """Of two modes the one of greater weight holds: the stricter, and AUDIT_ALTERED of two that are equally strict,
        so that a resume that is meant for the other one is not blind."""
        return self.mode.strictness, self.code == AUDIT_ALTERED

    @property
    def restriction(self) -> Restriction:
        """The restriction that the mode causes."""
        return Restriction(self.code, self.mode, self.why, self.since_ms, lifting(self.account))


def lifting(scope: str) -> str:
    """The command that lifts the mode of ``scope``, the ``account`` of a `ModeEntry`."""
    exchange = scope.partition(":")[2]
    return f"autopilot resume --exchange {exchange}" if exchange else "autopilot resume"


def accounts_of(exchange: str | None) -> str:
    """The ``account`` of a `ModeEntry` for one exchange, or for every account if ``exchange`` is None."""
    return EVERY_ACCOUNT if exchange is None else f"{EVERY_ACCOUNT}:{exchange}"


def scope_words(scope: str) -> str:
    """The ``account`` of a `ModeEntry` in words."""
    exchange = scope.partition(":")[2]
    return f"every account on {exchange}" if exchange else "every account"


def holds_for(scope: str, account: str) -> bool:
    """Whether a mode of ``scope`` includes the account, such as ``live:kraken``."""
    return scope in (EVERY_ACCOUNT, accounts_of(exchange_of(account)))
