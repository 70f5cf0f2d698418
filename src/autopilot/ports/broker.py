"""Where orders go: a paper account or a real one, behind the same port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autopilot.domain.market import Market, Quote
from autopilot.domain.order import Order, OrderReport


@dataclass(frozen=True, slots=True)
class Balance:
    """One currency of an account: ``total`` owned, of which ``free`` is not reserved by open orders."""

    total: Decimal
    free: Decimal


class Broker(Protocol):
    """An exchange account. All methods are safe to repeat except `submit`."""

    async def submit(self, order: Order, market: Market) -> OrderReport:
        """Send one order. Raises OrderRejected (no order exists), AnswerLost (it may), MarketUnavailable
        (nothing was sent)."""

    async def cancel(self, order: Order) -> OrderReport:
        """Cancel the order and return its final report, late fills included. EXPIRED without an exchange id means
        that the exchange does not have the order. Raises MarketUnavailable, AnswerLost."""

    async def lookup(self, order: Order) -> OrderReport | None:
        """The exchange's report on this order, found by client order id. None if the exchange does not have it. An
        order that was never accepted is then certain not to arrive later.

        Raises MarketUnavailable if the exchange cannot say yet.
        """

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        """Every open order of this symbol, foreign ones included. Raises MarketUnavailable."""

    async def balances(self) -> Mapping[str, Balance]:
        """By currency. Raises MarketUnavailable."""


@dataclass(frozen=True, slots=True)
class PaperChange:
    """The changes that one event makes on the paper exchange. They are stored in one transaction. ``trigger``: the
    price between two closes that they follow from, if any."""

    account: str
    balances: Mapping[str, Decimal]
    orders: tuple[tuple[Order, OrderReport], ...] = ()
    trigger: Quote | None = None


class PaperStore(Protocol):
    """The paper exchange's own storage. It survives a crash of ours, as a real exchange does. Raises StoreError."""

    def load_paper(self, account: str) -> tuple[Mapping[str, Decimal], tuple[tuple[Order, OrderReport], ...]]:
        """Balances (total by currency) and the open orders, as last committed; both empty for a new account."""

    def find_paper_order(self, account: str, client_order_id: str) -> tuple[Order, OrderReport] | None: ...

    def save_paper(self, change: PaperChange) -> None: ...
