"""Compares our books with the exchange: open orders and balances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import split_symbol
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order, OrderReport, OrderStatus
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.ledger import Ledger

_SHOWN = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class Shortfall:
    """The account owns less of ``currency`` than our positions in it add up to: somebody sold or withdrew coins.
    ``renamed``: a currency that is not in our books and of which it owns as much as is booked; "" without one."""

    currency: str
    owned: Decimal
    booked: Decimal
    renamed: str = ""

    @property
    def words(self) -> str:
        amounts = f"{self.booked} {self.currency} are booked, only {self.owned} owned"
        if self.renamed:
            return (
                f"{amounts}; the same amount of {self.renamed} is owned but not booked: the coin may have been renamed"
            )
        return amounts


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The differences between the ledger and the exchange.

    ``foreign``: orders open there that are not ours and are never touched. ``undead``: open there although final in our
    books. ``gone``: open in our books but no longer there; following them finds out why. Orders in status UNKNOWN are
    in none of these: they are looked up one by one.
    """

    foreign: tuple[OrderReport, ...] = ()
    undead: tuple[Order, ...] = ()
    gone: tuple[Order, ...] = ()
    shortfalls: tuple[Shortfall, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """One sentence per difference."""
        return (
            *(
                f"order {each.exchange_order_id} is open on the exchange but not ours; it is left alone"
                for each in self.foreign
            ),
            *(
                f"order {each.client_order_id} is over in our books but was open on the exchange; it is canceled"
                for each in self.undead
            ),
            *(
                f"order {each.client_order_id} is open in our books but not on the exchange; Autopilot looks it up"
                for each in self.gone
            ),
            *(
                each.words if each.renamed else f"{each.words}: the rest was sold or withdrawn outside Autopilot"
                for each in self.shortfalls
            ),
        )


async def reconcile(account: str, symbols: Sequence[str], broker: Broker, ledger: Ledger) -> Reconciliation:
    """Compare without changing anything on either side. Raises MarketUnavailable, StoreError.

    The caller holds the account's lock. Orders of ``symbols`` are compared; balances are compared for every position of
    the account.
    """
    foreign: list[OrderReport] = []
    undead: list[Order] = []
    gone: list[Order] = []
    for symbol in symbols:
        shown = await _shown(broker, symbol)
        for report in shown:
            order = ledger.order(report.client_order_id)
            if order is None or order.account != account:
                foreign.append(report)
            elif order.status.is_final:
                undead.append(order)
        there = {report.client_order_id for report in shown}
        open_here = ledger.open_orders(account, symbol)
        gone += [order for order in open_here if order.status in _SHOWN and order.client_order_id not in there]
    missing = await shortfalls(account, broker, ledger)
    return Reconciliation(tuple(foreign), tuple(undead), tuple(gone), missing)


async def _shown(broker: Broker, symbol: str) -> tuple[OrderReport, ...]:
    """The orders that are open there: none on a market that the exchange does not have."""
    try:
        return await broker.open_orders(symbol)
    except UnknownSymbol:
        return ()


async def shortfalls(account: str, broker: Broker, ledger: Ledger) -> tuple[Shortfall, ...]:
    """By currency, over every position of the account. The caller holds its lock. Raises MarketUnavailable,
    StoreError."""
    booked: dict[str, Decimal] = {}
    for position in ledger.positions(account):
        base, _ = split_symbol(position.symbol)
        booked[base] = booked.get(base, ZERO) + position.quantity
    balances = await broker.balances()
    nothing = Balance(ZERO, ZERO)
    owned = {currency: balances.get(currency, nothing).total for currency in booked}
    unbooked = {balance.total: currency for currency, balance in balances.items() if currency not in booked}
    return tuple(
        Shortfall(currency, owned[currency], amount, unbooked.get(amount, "") if owned[currency] == ZERO else "")
        for currency, amount in booked.items()
        if owned[currency] < amount
    )
