"""Where orders go: a paper account or a real one, behind the same door."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from autopilot.domain.market import Market
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
        ...

    async def cancel(self, order: Order) -> OrderReport:
        """Cancel and return what became of it, late fills included: EXPIRED, without an id of the exchange's, where the
        exchange does not have it. Raises MarketUnavailable, AnswerLost."""
        ...

    async def lookup(self, order: Order) -> OrderReport | None:
        """The exchange's word on this order, found by client order id. None says that it does not have it: of one that
        it had not accepted, for certain, and that it never will. Raises MarketUnavailable when that cannot be told
        yet."""
        ...

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        """Every open order of this symbol, ours or not. Raises MarketUnavailable."""
        ...

    async def balances(self) -> Mapping[str, Balance]:
        """By currency. Raises MarketUnavailable."""
        ...


@dataclass(frozen=True, slots=True)
class PaperChange:
    """What one event changed on the paper exchange; stored in one transaction."""

    account: str
    balances: Mapping[str, Decimal]
    orders: tuple[tuple[Order, OrderReport], ...] = ()


class PaperStore(Protocol):
    """The paper exchange's own memory: it must outlive a crash as a real exchange does. Raises StoreError."""

    def load_paper(self, account: str) -> tuple[Mapping[str, Decimal], tuple[tuple[Order, OrderReport], ...]]:
        """Balances (total by currency) and the orders still open, as last committed; empty for a new account."""
        ...

    def find_paper_order(self, account: str, client_order_id: str) -> tuple[Order, OrderReport] | None: ...

    def save_paper(self, change: PaperChange) -> None: ...
