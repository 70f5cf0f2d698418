"""Follows open orders to their end, and compares the ledger with the exchange."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autopilot.domain.booking import is_unsellable_rest
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.domain.trading_mode import holding_back
from autopilot.execution.reconciliation import Reconciliation, Shortfall, reconcile, shortfalls
from autopilot.execution.sending import ACCEPTED, Sending, not_sent

FRESH_MS = 2 * MINUTE_MS
"""An order that was never sent is sent unchanged within this time. Later its price is history: an entry expires, an
exit goes to market at the latest price."""


class Following:
    """Methods raise MarketUnavailable, AnswerLost and StoreError."""

    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        self._books = sending.books

    async def follow(self, market: Market) -> None:
        """Bring every open order of this market up to date: look up orders whose answer was lost, book fills, cancel
        orders that have outlived their life. An order that fails keeps no other waiting: the first error is raised at
        the end."""
        await self._follow_all(self._books.open_orders(market), market, may_cancel=True)
        self._write_off_rest(market)

    async def look_up(self, symbol: str, market: Market | None) -> None:
        """Ask the exchange about every order of the symbol that may have reached it, and book its fills. Nothing is
        sent or canceled. Raises UnknownSymbol too, if the exchange cannot say without the market."""
        for order in self._books.ledger.open_orders(self._books.account, symbol):
            if order.status is not OrderStatus.NEW:
                await self._looked_up(order, market)

    async def shortfalls(self) -> tuple[Shortfall, ...]:
        """The coins of the account's positions that it does not own."""
        return await shortfalls(self._books.account, self._sending.broker, self._books.ledger)

    async def reconcile(self, market: Market) -> Reconciliation:
        """Follow the open orders, then compare the ledger with the exchange. An order of ours that is final here and
        open there is canceled and its late fills are booked; foreign orders are not touched."""
        # After a restart a stored market's time is that of the last decision. An order created later waits for its
        # moment, and nothing ends before the candle that may fill it was seen.
        now_ms = self._sending.clock.now_ms()
        due = [order for order in self._books.open_orders(market) if order.created_at_ms <= now_ms]
        await self._follow_all(due, market, may_cancel=False)
        found = await reconcile(self._books.account, [market.symbol], self._sending.broker, self._books.ledger)
        for order in found.undead:
            await self._sending.cancel_order(order, "it was over in our books", market)
        return found

    async def _follow_all(self, orders: Sequence[Order], market: Market, *, may_cancel: bool) -> None:
        failures: list[ExchangeError] = []
        for order in orders:
            try:
                await self._follow_one(order, market, may_cancel=may_cancel)
            except ExchangeError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def _follow_one(self, order: Order, market: Market, *, may_cancel: bool) -> None:
        if order.status is not OrderStatus.NEW:
            order = await self._looked_up(order, market)
        if order.status is OrderStatus.NEW:
            await self._send_late(order, market)
        elif may_cancel and not order.status.is_final and (self._has_expired(order) or self._is_unwanted(order)):
            await self._sending.cancel_order(order, "", market)

    async def _looked_up(self, order: Order, market: Market | None) -> Order:
        """The order after the exchange was asked about it; NEW again if it never arrived there."""
        report = await self._sending.broker.lookup(order)
        if report:
            return self._sending.apply(order, report, market)
        if order.status in ACCEPTED:
            return self._sending.count_as_missing(order, market)
        absent = order.to(OrderStatus.NEW, self._sending.clock.now_ms(), detail="it never reached the exchange")
        return self._sending.save(absent)

    async def _send_late(self, order: Order, market: Market) -> None:
        """Send an order that is known never to have been sent, unless it is too late for it."""
        stale = self._sending.clock.now_ms() - order.created_at_ms > FRESH_MS
        held = self._sending.restriction(order.purpose)
        if held:
            self._sending.expire(order, not_sent(held))
        elif self._has_expired(order) or (stale and (order.purpose is Purpose.ENTRY or order.type is OrderType.STOP)):
            self._sending.expire(order, "never sent: too late")
        else:
            await self._sending.submit(replace(order, trigger_price=None) if stale else order, market)

    def _write_off_rest(self, market: Market) -> None:
        """Write off an unsellable rest of an exit. It is still there if the market's rules were not at hand when the
        exit ended, or have changed since."""
        held = self._books.position(market)
        last = self._books.last_exit(held) if held else None
        if held and last and is_unsellable_rest(held, last, market):
            self._books.ledger.apply_fills(last, (), market)

    def _has_expired(self, order: Order) -> bool:
        if order.expires_at_ms is None:
            return False
        now_ms = self._sending.clock.now_ms()
        # A clock that was set back must not prolong a wait that was to be short.
        return now_ms >= order.expires_at_ms or (order.sells_at_once and now_ms < order.created_at_ms)

    def _is_unwanted(self, order: Order) -> bool:
        """Whether this is an entry that rests on the exchange while nothing may be bought."""
        found = [
            each for each in self._sending.restrictions.restrictions(self._books.account) if each.ends_resting_entries
        ]
        return order.purpose is Purpose.ENTRY and holding_back(found, order.purpose) is not None
