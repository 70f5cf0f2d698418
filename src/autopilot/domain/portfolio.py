"""Positions, round trips, and an account as the risk rules see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal

from autopilot.domain.arming import Allowance
from autopilot.domain.market import split_symbol
from autopilot.domain.money import ONE, ZERO
from autopilot.domain.order import Fill, Order, Purpose, Side
from autopilot.domain.refusal import RefusedExit
from autopilot.domain.trading_mode import Restriction

COST_STEP = Decimal("1E-10")
"""The cost of a part sold has finitely many digits, so that the parts of a round trip add up to the last one."""


@dataclass(frozen=True, slots=True)
class Position:
    """The coins that our own fills bought and did not sell, less the rests that earlier round trips wrote off.

    ``cost``: of the current quantity, entry fees included. ``entry_price``: the mean price paid, without fees. Both in
    quote currency. ``fees`` and ``realized`` run over the round trip so far. ``entry_quantity``: the coins received, so
    without a fee that was taken from them, and ``entry_value`` their price; ``exit_value``: the price of those sold.
    """

    account: str
    symbol: str
    quantity: Decimal
    entry_price: Decimal
    cost: Decimal
    fees: Decimal
    realized: Decimal
    stop: Decimal | None
    target: Decimal | None
    strategy: str
    decision_id: str | None
    opened_at_ms: int
    entry_quantity: Decimal
    entry_value: Decimal
    exit_value: Decimal

    def after(self, fill: Fill, order: Order) -> Position:
        """The position after another fill of ours. Fees in base currency reduce the quantity bought; on a sale they are
        paid with other coins than those sold. Fees in a third currency are not in our books."""
        if fill.side is Side.BUY:
            received = fill.quantity - fill.fee_in_base
            entry_value = self.entry_value + received * fill.price
            entry_quantity = self.entry_quantity + received
            return replace(
                self,
                quantity=self.quantity + received,
                entry_quantity=entry_quantity,
                entry_value=entry_value,
                entry_price=entry_value / entry_quantity if entry_quantity else fill.price,
                cost=self.cost + fill.value + fill.fee_in_quote,
                fees=self.fees + fill.fee_value,
                stop=order.stop if order.stop is not None else self.stop,
                target=order.target if order.target is not None else self.target,
            )
        part = min(fill.quantity / self.quantity, ONE) if self.quantity else ONE
        cost_of_part = self._cost_of(part)
        return replace(
            self,
            quantity=self.quantity - fill.quantity,
            cost=self.cost - cost_of_part,
            fees=self.fees + fill.fee_value,
            realized=self.realized + fill.value - fill.fee_value - cost_of_part,
            exit_value=self.exit_value + fill.value,
        )

    def without(self, quantity: Decimal) -> Position:
        """The position as if ``quantity`` of it had never been bought, its fees included: those coins left the account,
        and nobody knows for how much."""
        part = min(quantity / self.quantity, ONE)
        cost_of_part = self._cost_of(part)
        value_of_part = quantity * self.entry_price
        return replace(
            self,
            quantity=self.quantity - quantity,
            cost=self.cost - cost_of_part,
            fees=self.fees - (cost_of_part - value_of_part),
            entry_quantity=self.entry_quantity - quantity,
            entry_value=self.entry_value - value_of_part,
        )

    @property
    def sold(self) -> Decimal:
        """The quantity sold so far."""
        return self.entry_quantity - self.quantity

    @classmethod
    def opened_by(cls, fill: Fill, order: Order) -> Position:
        """The position after the first fill of an entry."""
        flat = cls(
            account=fill.account,
            symbol=fill.symbol,
            quantity=ZERO,
            entry_price=fill.price,
            cost=ZERO,
            fees=ZERO,
            realized=ZERO,
            stop=order.stop,
            target=order.target,
            strategy=order.strategy,
            decision_id=order.decision_id,
            opened_at_ms=fill.at_ms,
            entry_quantity=ZERO,
            entry_value=ZERO,
            exit_value=ZERO,
        )
        return flat.after(fill, order)

    def _cost_of(self, part: Decimal) -> Decimal:
        """The cost of a fraction of the current quantity."""
        return self.cost if part == ONE else (self.cost * part).quantize(COST_STEP, ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A position from flat to flat, or to a rest that cannot be sold: ``written_off``, in base currency, stays in the
    account but no longer in our books.

    ``quantity``: the coins sold. ``entry_price`` and ``exit_price``: the mean prices of the purchases and of the sales,
    without fees; 0 if nothing was sold. ``fees``: all of them, and the price paid for the rest. ``net``: the result in
    quote currency. So (exit - entry) x quantity - fees = net.
    """

    account: str
    symbol: str
    strategy: str
    decision_id: str | None
    quantity: Decimal
    entry_price: Decimal
    exit_price: Decimal
    fees: Decimal
    net: Decimal
    opened_at_ms: int
    closed_at_ms: int
    exit_purpose: Purpose
    written_off: Decimal = ZERO

    @classmethod
    def ended_by(cls, purpose: Purpose, last: Position, at_ms: int) -> RoundTrip:
        """The round trip of a position that an order of this purpose left as ``last``."""
        return cls(
            account=last.account,
            symbol=last.symbol,
            strategy=last.strategy,
            decision_id=last.decision_id,
            quantity=last.sold,
            entry_price=last.entry_price,
            exit_price=last.exit_value / last.sold if last.sold else ZERO,
            fees=last.fees + last.quantity * last.entry_price,
            net=last.realized - last.cost,
            opened_at_ms=last.opened_at_ms,
            closed_at_ms=at_ms,
            exit_purpose=purpose,
            written_off=last.quantity,
        )

    @property
    def net_pct(self) -> float:
        """Net result in percent of the entry value."""
        return float(self.net / ((self.quantity + self.written_off) * self.entry_price) * 100)


@dataclass(frozen=True, slots=True)
class SymbolRecord:
    """One symbol's past, as the limits need it. A time is None if the event never happened."""

    trades_today: int = 0
    last_stop_loss_at_ms: int | None = None
    consecutive_losses: int = 0
    last_loss_at_ms: int | None = None
    last_exit_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Portfolio:
    """An account in one quote currency at one moment, as the risk rules see it.

    ``free`` is cash that no open order reserves; ``equity`` is all cash and every position at its last price.
    ``exposure``: the value of all positions and of the entries still open. ``allowance``: how much of it the user
    allowed, None for paper money. ``restrictions``: those that hold the account back. ``recent``: its round trips as
    far back as the limits look, by their end. ``refused_exit``: of the symbol that is decided.
    """

    account: str
    currency: str
    free: Decimal
    equity: Decimal
    day_start_equity: Decimal
    peak_equity: Decimal
    exposure: Decimal
    positions: Mapping[str, Position]
    open_orders: tuple[Order, ...] = ()
    history: Mapping[str, SymbolRecord] = field(default_factory=dict)
    restrictions: tuple[Restriction, ...] = ()
    allowance: Allowance | None = None
    recent: tuple[RoundTrip, ...] = ()
    refused_exit: RefusedExit | None = None

    @property
    def invested(self) -> Decimal:
        """The amount compared with the allowance: the exposure at current prices or at cost, whichever is higher. A
        fall in price makes no room for another purchase."""
        return max(self.exposure, invested_cost(self.positions.values(), self.open_orders, self.currency))

    def position(self, symbol: str) -> Position | None:
        return self.positions.get(symbol)

    def history_of(self, symbol: str) -> SymbolRecord:
        return self.history.get(symbol, SymbolRecord())


def pending_cost(orders: Iterable[Order], currency: str) -> Decimal:
    """The cost of the entries still open, before fees, in ``currency``."""
    return sum(
        (
            order.remaining * (order.price or order.reference_price)
            for order in orders
            if order.purpose is Purpose.ENTRY and split_symbol(order.symbol)[1] == currency
        ),
        ZERO,
    )


def invested_cost(positions: Iterable[Position], orders: Iterable[Order], currency: str) -> Decimal:
    """The cost of all positions and of the entries still open, in ``currency``."""
    paid = sum((held.cost for held in positions if split_symbol(held.symbol)[1] == currency), ZERO)
    return paid + pending_cost(orders, currency)
