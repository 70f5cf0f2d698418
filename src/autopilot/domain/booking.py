"""How fills become positions, and positions round trips. Every ledger books by these functions and only stores their
result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order, Purpose, Side
from autopilot.domain.portfolio import Position, RoundTrip

LastExit = Callable[[int], Order | None]
"""The latest sell order of the symbol created at or after a moment in milliseconds."""


@dataclass(frozen=True, slots=True)
class Booked:
    """One symbol's books after an event: its position, if any, and the round trips that ended, in order."""

    position: Position | None
    ended: tuple[RoundTrip, ...] = ()

    def then(self, after: Booked) -> Booked:
        """The books after a second event that began with this one's position."""
        return Booked(after.position, self.ended + after.ended)


def book_fills(
    position: Position | None, order: Order, fills: Sequence[Fill], last_exit: LastExit, market: Market | None
) -> Booked:
    """Book new ``fills`` of ``order``, in their order.

    With ``market``, a position of which the order, a sell that is over, left less than can be sold is written off: its
    round trip ends. ``last_exit`` is called only for an entry while something is held.
    """
    booked = Booked(position)
    for fill in fills:
        booked = booked.then(_book_fill(booked.position, order, fill, last_exit))
    held = booked.position
    if market and held and is_unsellable_rest(held, order, market):
        booked = booked.then(_closed(held, order.purpose, order.updated_at_ms))
    return booked


def write_off(position: Position, quantity: Decimal, at_ms: int) -> Booked:
    """Take ``quantity`` out of the position as if it had never been bought. A position of which nothing is left ends as
    if the user had flattened it."""
    left = position.without(quantity)
    return Booked(left) if left.quantity else _closed(left, Purpose.FLATTEN, at_ms)


def is_unsellable_rest(position: Position, order: Order, market: Market) -> bool:
    """Whether ``order`` is an exit that is over and left this position, too small for another order.

    Where more is left than was sold, that is no rest: it could be sold then, and only the market's rules have changed
    since.
    """
    is_over = order.side is Side.SELL and order.status.is_final and order.created_at_ms >= position.opened_at_ms
    sold = max(position.entry_quantity - position.quantity, order.quantity if order.filled else ZERO)
    is_rest = position.quantity < sold
    return is_over and is_rest and ZERO < position.quantity < market.least_amount


def is_rest_before_entry(position: Position, sale: Order, entry: Order) -> bool:
    """Whether ``sale`` ended before ``entry`` was created and left this position. It was not worth anything then:
    otherwise the rules would not have allowed the entry."""
    was_before = position.opened_at_ms <= sale.created_at_ms < entry.created_at_ms
    return sale.status.is_final and was_before and position.quantity > ZERO


def _book_fill(position: Position | None, order: Order, fill: Fill, last_exit: LastExit) -> Booked:
    before = Booked(position)
    if position and order.purpose is Purpose.ENTRY:
        sale = last_exit(position.opened_at_ms)
        if sale and is_rest_before_entry(position, sale, order):
            before = _closed(position, sale.purpose, sale.updated_at_ms)
    held = before.position.after(fill, order) if before.position else Position.opened_by(fill, order)
    return before.then(Booked(held) if held.quantity != ZERO else _closed(held, order.purpose, fill.at_ms))


def _closed(last: Position, purpose: Purpose, at_ms: int) -> Booked:
    """The end of a position; without an entry it was no round trip."""
    return Booked(None, (RoundTrip.ended_by(purpose, last, at_ms),) if last.entry_quantity else ())
