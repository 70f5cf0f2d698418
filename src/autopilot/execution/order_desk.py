"""One account's orders behind one door: sending, following, exits."""

from __future__ import annotations

from decimal import Decimal

from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order
from autopilot.domain.portfolio import Position
from autopilot.execution.account_books import AccountBooks
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import Exits, ExitSettings
from autopilot.execution.following import Following
from autopilot.execution.reconciliation import Reconciliation, Shortfall
from autopilot.execution.refusals import Refusals
from autopilot.execution.sending import Sending
from autopilot.ports.broker import Broker
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import Ledger
from autopilot.ports.observer import EventSink
from autopilot.ports.restrictions import RestrictionSource
from autopilot.risk.verdict import Approved


class OrderDesk:
    """The caller holds the account's lock. ``stops``: whether the exchange takes stop orders. Each method is that of
    `Sending`, `Following` or `Exits` with the same name."""

    def __init__(
        self,
        account: str,
        broker: Broker,
        ledger: Ledger,
        clock: Clock,
        events: EventSink,
        restrictions: RestrictionSource,
        *,
        stops: bool = False,
    ) -> None:
        self._books = AccountBooks(account, ledger)
        self._sending = Sending(self._books, broker, clock, events, restrictions)
        self._following = Following(self._sending)
        self._refusals = Refusals(self._books, broker, clock, events)
        self._exits = Exits(self._sending, self._refusals, stops=stops)

    def has_position_or_order(self, market: Market) -> bool:
        return self._books.position(market) is not None or bool(self._books.open_orders(market))

    async def send(self, approved: Approved, market: Market) -> Order:
        order = await self._sending.send(approved, market)
        self._refusals.announce(market)
        return order

    async def cancel_order(self, order: Order, why: str, market: Market | None = None) -> None:
        await self._sending.cancel_order(order, why, market)

    async def follow(self, market: Market) -> None:
        await self._following.follow(market)
        self._refusals.announce(market)

    async def end_without_market(self, order: Order) -> Order:
        return await self._sending.end_without_market(order)

    async def look_up(self, symbol: str, market: Market | None) -> None:
        await self._following.look_up(symbol, market)

    async def shortfalls(self) -> tuple[Shortfall, ...]:
        return await self._following.shortfalls()

    async def reconcile(self, market: Market) -> Reconciliation:
        return await self._following.reconcile(market)

    async def exit_position(self, wanted: ExitOrder, market: Market, settings: ExitSettings) -> None:
        await self._exits.exit_position(wanted, market, settings)

    async def protect(self, market: Market, settings: ExitSettings) -> None:
        await self._exits.protect(market, settings)

    async def finish_exit(self, position: Position, price: Decimal, market: Market, settings: ExitSettings) -> None:
        await self._exits.finish_exit(position, price, market, settings)

    async def flatten(self, price: Decimal, market: Market, settings: ExitSettings, rest: Decimal = ZERO) -> None:
        await self._exits.flatten(price, market, settings, rest)
