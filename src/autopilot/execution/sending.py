"""Sends orders, cancels them, and books what the exchange reports. An order whose answer was lost is never sent again
from here."""

from __future__ import annotations

import logging
from contextlib import suppress

from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected, UnknownSymbol
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.trading_mode import Restriction, holding_back
from autopilot.execution.account_books import AccountBooks
from autopilot.execution.missing_orders import MissingOrders
from autopilot.ports.broker import Broker
from autopilot.ports.clock import Clock
from autopilot.ports.observer import EventSink
from autopilot.ports.restrictions import RestrictionSource
from autopilot.risk.verdict import Approved

ACCEPTED = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})
"""The exchange had the order and it was not over."""

log = logging.getLogger(__name__)


class Sending:
    """Every step of an order's life that the exchange or the ledger takes part in. Methods raise StoreError.

    ``books``, ``broker``, ``clock`` and ``restrictions`` are the account's; `Following` and `Exits` use them too.
    """

    def __init__(
        self,
        books: AccountBooks,
        broker: Broker,
        clock: Clock,
        events: EventSink,
        restrictions: RestrictionSource,
    ) -> None:
        self.books = books
        self.broker = broker
        self.clock = clock
        self.restrictions = restrictions
        self._events = events
        self._missing = MissingOrders()

    async def send(self, approved: Approved, market: Market) -> Order:
        """Send once, and return the order. If a restriction holds the account back by now, it expires. The
        exchange's errors are in the order's status, never raised."""
        order = approved.order
        held = self.restriction(order.purpose)
        if held:
            return self.expire(order, not_sent(held))
        try:
            return await self.submit(order, market)
        except ExchangeError as error:
            log.warning("%s: not sent yet: %s", market.symbol, error)
            return order

    async def submit(self, order: Order, market: Market) -> Order:
        """Store the order as submitted, then send it. Returns it after the exchange's answer.

        Raises MarketUnavailable or AnswerLost if a stop order must first be canceled and is not over yet.
        """
        if order.side is Side.SELL and not await self._is_covered(order, market):
            return self.save(order.to(OrderStatus.EXPIRED, self.clock.now_ms(), detail="never sent: sold before"))
        order = order.to(OrderStatus.SUBMITTED, self.clock.now_ms(), detail="")
        self.books.ledger.save_order(order)
        try:
            report = await self.broker.submit(order, market)
        except OrderRejected as refusal:
            return self.save(order.to(OrderStatus.REJECTED, self.clock.now_ms(), detail=str(refusal)))
        except MarketUnavailable as error:
            return self.save(order.to(OrderStatus.NEW, self.clock.now_ms(), detail=str(error)))
        except (AnswerLost, TimeoutError) as error:
            return self.save(order.to(OrderStatus.UNKNOWN, self.clock.now_ms(), detail=f"no answer: {error}"))
        return self.apply(order, report, market)

    async def cancel_order(self, order: Order, why: str, market: Market | None = None) -> None:
        """Cancel the order. When this returns it is over and its late fills are booked. An order that was never sent
        expires, with ``why`` as its detail. Without ``market`` the next `follow` writes off an unsellable rest.

        Raises MarketUnavailable, also while the exchange does not know an order that it had accepted; AnswerLost, also
        while the exchange still reports the order as open.
        """
        if order.status is OrderStatus.NEW:
            self.expire(order, why)
            return
        try:
            report = await self.broker.cancel(order)
        except AnswerLost:
            # Safe to repeat, and the second answer also says what the first request did.
            report = await self.broker.cancel(order)
        if order.status in ACCEPTED and not report.exchange_order_id:
            self.count_as_missing(order, market)
        elif not self.apply(order, report, market).status.is_final:
            raise _not_over(order, report)

    def apply(self, order: Order, report: OrderReport, market: Market | None) -> Order:
        """Store what the exchange reports and return the order after it. A report that comes late or twice never undoes
        a later state. A final status whose fills are incomplete does not end the order; its fills are booked, once."""
        self._missing.seen(order.client_order_id)
        reported = sum((fill.quantity for fill in report.fills), ZERO)
        late = report.filled < order.filled or not order.can_become(report.status)
        incomplete = report.status.is_final and reported < report.filled
        keeps = late or incomplete
        after = order.to(
            order.status if keeps else report.status,
            max(order.updated_at_ms, report.at_ms),
            filled=max(order.filled, reported),
            exchange_order_id=report.exchange_order_id or order.exchange_order_id,
            detail=order.detail if keeps else report.detail,
        )
        if after == order:
            return order
        for fill in self.books.ledger.apply_fills(after, report.fills, market):
            self._events.publish("fill", fill, purpose=after.purpose, strategy=after.strategy)
        if after.status is not order.status:
            self._events.publish("order", after)
        return after

    def count_as_missing(self, order: Order, market: Market | None) -> Order:
        """The exchange does not know an order that it had accepted. Returns it as canceled once it has been missing for
        an hour; raises MarketUnavailable until then."""
        self._missing.miss(order, self.clock.now_ms())
        detail = (
            f"the exchange has not known this order for an hour: counted as canceled with {order.filled} filled;"
            " check the exchange's own orders and trades for a fill that Autopilot did not see"
        )
        return self._count_as_canceled(order, detail, market)

    async def end_without_market(self, order: Order) -> Order:
        """End an order on a market that the exchange no longer has, and return it. Fills that the exchange still shows
        are booked. Raises MarketUnavailable; AnswerLost also while the exchange reports the order as open."""
        if order.status is OrderStatus.NEW:
            return self.expire(order, "not sent: its market is gone")
        report = None
        with suppress(UnknownSymbol):
            report = await self.broker.cancel(order)
        if report is None or not report.exchange_order_id:
            detail = (
                f"its market is gone: counted as canceled with {order.filled} filled; check the exchange's own orders"
                " and trades for a fill that Autopilot did not see"
            )
            return self._count_as_canceled(order, detail, None)
        after = self.apply(order, report, None)
        if not after.status.is_final:
            raise _not_over(order, report)
        return after

    def _count_as_canceled(self, order: Order, detail: str, market: Market | None) -> Order:
        log.warning("%s: order %s: %s", order.symbol, order.client_order_id, detail)
        lost = order.to(OrderStatus.CANCELED, self.clock.now_ms(), detail=detail)
        self.books.ledger.apply_fills(lost, (), market)
        self._events.publish("order", lost)
        return lost

    def expire(self, order: Order, why: str) -> Order:
        """End an order that was never sent."""
        return self.save(order.to(OrderStatus.EXPIRED, self.clock.now_ms(), detail=why))

    def save(self, order: Order) -> Order:
        """Store the order and publish it."""
        self.books.ledger.save_order(order)
        self._events.publish("order", order)
        return order

    def restriction(self, purpose: Purpose) -> Restriction | None:
        """Why no order of this purpose may be sent now; None if it may."""
        return holding_back(self.restrictions.restrictions(self.books.account), purpose)

    async def _is_covered(self, order: Order, market: Market) -> bool:
        """Whether the position covers this sell order, after every stop order on the exchange that could sell it too
        was canceled."""
        for resting in self.books.open_orders(market):
            if resting.type is OrderType.STOP and resting.client_order_id != order.client_order_id:
                await self.cancel_order(resting, "another exit takes its place", market)
        held = self.books.position(market)
        return held is not None and held.quantity >= order.quantity


def _not_over(order: Order, report: OrderReport) -> AnswerLost:
    return AnswerLost(
        f"{order.symbol}: order {order.client_order_id} is not over yet; the exchange reports it as {report.status}",
        hint="the next cycle asks again",
    )


def not_sent(why: Restriction) -> str:
    """The detail of an order that a restriction kept from being sent."""
    return f"not sent, {why.code}: {why.detail}"
