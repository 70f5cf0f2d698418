"""The results of a user's command for a whole account."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from autopilot.domain.decision import Denied
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order
from autopilot.domain.portfolio import Position

TRY_AGAIN = "run the command again; autopilot orders --open shows the orders that are left"
ACT_THERE = "check the exchange's own page, cancel or sell there if it is urgent, then run the command again"


@dataclass(frozen=True, slots=True)
class Remainder:
    """Something that could not be done, in words, with advice for the user."""

    symbol: str
    what: str
    hint: str


class WriteOffReason(StrEnum):
    MISSING = "missing"
    """The account owns less than the books hold."""
    MARKET_GONE = "market_gone"
    """The exchange no longer has the market."""


@dataclass(frozen=True, slots=True)
class WrittenOff:
    """A position, or a part of it, that was taken out of the books, as withdrawn at the last known ``price``.

    ``missing``: the part of ``quantity`` that the account does not own; the rest stays there. ``cost``: what it had
    cost. ``result``: its gain or loss at that price, which shows in the account's equity; no trade is booked for it.
    ``net``: the result of the trade that ended with it, if some of the position had been sold before.
    """

    symbol: str
    reason: WriteOffReason
    quantity: Decimal
    missing: Decimal
    cost: Decimal
    price: Decimal
    result: Decimal
    net: Decimal | None


@dataclass(slots=True)
class AccountResult:
    """``canceled``: orders that are over now, late fills included. ``kept``: symbols whose stop order stays on the
    exchange. ``sold``: symbols whose position is gone. ``dust``: symbols of which less is left than the market
    allows to sell."""

    account: str
    canceled: list[Order] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    sold: list[str] = field(default_factory=list)
    dust: list[str] = field(default_factory=list)
    write_offs: list[WrittenOff] = field(default_factory=list)
    left: list[Remainder] = field(default_factory=list)


@dataclass(slots=True)
class ExitResult:
    """One symbol's exit. ``denied``: the reason if it was denied. ``sold``: the quantity in base currency, sales by
    canceled orders included. ``position``: the rest of the position."""

    outcome: AccountResult
    denied: Denied | None = None
    sold: Decimal = ZERO
    position: Position | None = None
