"""Sells positions. An exit that was begun is finished, even if the process died on the way."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from decimal import Decimal

from autopilot.domain.decision import Denied
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, floor_to_step
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Position
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.order_type import OrderSettings, choose_order_type, exit_purpose
from autopilot.execution.other_orders import LIMIT_LIFE_MS, order_after
from autopilot.execution.refusals import Refusals
from autopilot.execution.sending import Sending
from autopilot.risk.preflight import could_be_sold
from autopilot.risk.verdict import OrderDraft, review_exit

USER_ATTEMPTS = 3
"""How many orders a user's command sends at once while the exchange refuses them."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """How exits are sent: their order type and their life."""

    orders: OrderSettings
    candle_ms: int


class Exits:
    """``stops``: whether the exchange takes stop orders. Methods raise MarketUnavailable, AnswerLost and StoreError.

    At most one exit of a symbol is alive at any time: a second one is made only after the exchange has said that the
    first is over, so that nothing is ever sold twice. After a refusal an exit waits for the pause of `Refusals`, and
    `order_after` chooses the order; only a user's command does not wait.
    """

    def __init__(self, sending: Sending, refusals: Refusals, *, stops: bool) -> None:
        self._sending = sending
        self._books = sending.books
        self._stops = stops
        self._refusals = refusals
        self._unsold: set[str] = set()

    async def exit_position(self, wanted: ExitOrder, market: Market, settings: ExitSettings) -> None:
        """Cancel the open orders of this market and sell its position. An exit that is under way is not doubled; an
        urgent one replaces a take-profit that waits. A halted account sells at its stops only."""
        if self._sending.restriction(wanted.purpose):
            return
        exits = [order for order in self._books.open_orders(market) if order.is_working_exit]
        if any(not wanted.is_urgent or order.sells_at_once for order in exits):
            return
        if wanted.purpose is not Purpose.PROTECTION and self._is_left_over(market, wanted.price):
            return
        held = self._books.position(market)
        if held and not await self._refusals.is_due(held, wanted.market_price, market):
            return
        failure = await self._cancel_all(market, f"not sent: {wanted.reason}")
        held = self._books.position(market)
        if held and not wanted.is_urgent and self._unfinished(held):
            await self.finish_exit(held, wanted.price, market, settings)
        elif held:
            plain = _with_order_type(wanted, market, settings)
            await self._sell(held, await self._adapted(held, plain, market), market, settings)
        if failure:
            raise failure

    async def protect(self, market: Market, settings: ExitSettings) -> None:
        """If the settings want it, keep a stop order on the exchange for the whole position, and for no more; another
        exit takes its place. A stop order that the exchange refused is tried again after longer and longer pauses: the
        price is watched here as well."""
        if not (self._stops and settings.orders.stop_on_exchange):
            return
        orders = self._books.open_orders(market)
        if any(order.is_working_exit for order in orders):
            return
        held, resting = self._books.position(market), [order for order in orders if order.type is OrderType.STOP]
        if held and any(_guards(order, held, market) for order in resting):
            return
        for order in resting:
            await self._sending.cancel_order(order, "another stop takes its place", market)
        held = self._books.position(market)
        if held is None or held.stop is None or self._unfinished(held) or not self._refusals.stop_is_due(held):
            return
        stop = ExitOrder(
            Purpose.STOP_LOSS,
            held.stop,
            f"the stop at {held.stop}, kept on the exchange",
            OrderType.STOP,
            trigger_price=market.price_below(held.stop),
        )
        await self._sell(held, stop, market, settings)

    async def finish_exit(self, position: Position, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """Sell at once what the last exit left, if it was canceled, expired or rejected before it was filled."""
        last = self._unfinished(position)
        if last is None or self._sending.restriction(last.purpose):
            return
        if not await self._refusals.is_due(position, price, market):
            return
        purpose = exit_purpose(price, position.entry_price) if last.purpose is Purpose.TAKE_PROFIT else last.purpose
        reason = f"the {last.type} exit before it was {last.status}"
        rest = ExitOrder(purpose, price, reason, quantity=min(self._wanted(last, position), position.quantity))
        await self._sell(position, await self._adapted(position, rest, market), market, settings)

    async def flatten(self, price: Decimal, market: Market, settings: ExitSettings, rest: Decimal = ZERO) -> None:
        """Cancel the open orders of this market and sell its position at market down to ``rest``, because the user says
        so. If the exchange refuses that, the other orders follow at once. Nothing is sold while the exchange cannot be
        asked about a sell order, because that could sell it twice."""
        failure = await self._cancel_all(market, "not sent: the user flattened the position")
        sent: Order | None = None
        for _ in range(USER_ATTEMPTS):
            held = self._books.position(market)
            if held is None or held.quantity <= rest:
                break
            quantity = held.quantity - rest
            wanted = ExitOrder(Purpose.FLATTEN, price, "the user asked for it", trigger_price=price, quantity=quantity)
            if sent:
                wanted = await self._adapted(held, wanted, market)
                amount = floor_to_step(wanted.quantity or ZERO, market.amount_step)
                if (wanted.type, amount) == (sent.type, sent.quantity):
                    break
            sent = await self._sell(held, wanted, market, settings)
            if sent is None or sent.status is not OrderStatus.REJECTED:
                break
        if failure:
            raise failure

    async def _cancel_all(self, market: Market, why: str) -> ExchangeError | None:
        """Cancel all open orders, sells first. Raises if a sell cannot be canceled. An error on a buy is returned,
        because what it bought so far can be sold anyway."""
        failure: ExchangeError | None = None
        for order in sorted(self._books.open_orders(market), key=lambda order: order.side is Side.BUY):
            try:
                await self._sending.cancel_order(order, why, market)
            except ExchangeError as error:
                if order.side is Side.SELL:
                    raise
                failure = failure or error
        return failure

    async def _adapted(self, position: Position, wanted: ExitOrder, market: Market) -> ExitOrder:
        """``wanted``, or the order that may do after the last exit was over too soon: after a refusal for no more than
        is free, because somebody may have sold or withdrawn the rest."""
        last, refused = self._unfinished(position), self._refusals.of(position)
        quantity = position.quantity if wanted.quantity is None else wanted.quantity
        if refused:
            free = await self._refusals.free(market)
            return order_after(wanted, refused.last, refused, quantity if free is None else min(quantity, free), market)
        if last and last.type is OrderType.LIMIT and last.sells_at_once:
            return order_after(wanted, last, None, quantity, market)
        return wanted

    async def _sell(
        self, position: Position, wanted: ExitOrder, market: Market, settings: ExitSettings
    ) -> Order | None:
        """The order after the exchange's answer; None if our own checks denied it."""
        now_ms = self._sending.clock.now_ms()
        verdict = review_exit(
            market,
            position,
            account=self._books.account,
            purpose=wanted.purpose,
            price=wanted.price,
            draft=OrderDraft(
                type=wanted.type,
                limit=wanted.limit,
                expires_at_ms=_end_of_life(wanted, now_ms, settings),
                strategy=position.strategy,
                reason=wanted.reason,
                decision_id=None,
                attempt=self._books.next_attempt(market, wanted.purpose, now_ms),
            ),
            at_ms=now_ms,
            now_ms=now_ms,
            trigger_price=wanted.trigger_price,
            quantity=wanted.quantity,
        )
        if not isinstance(verdict, Denied):
            sent = await self._sending.submit(verdict.order, market)
            self._refusals.announce(market)
            return sent
        if market.symbol not in self._unsold:  # met again in every cycle, and no news then
            self._unsold.add(market.symbol)
            log.warning("%s: the position of %s cannot be sold: %s", market.symbol, position.quantity, verdict.detail)
        return None

    def _wanted(self, last: Order, position: Position) -> Decimal:
        """How much is to be sold after ``last``, an exit that is over: what it left, or if the exchange refuses, what
        was wanted at first. Only a user sells a part."""
        refused = self._refusals.of(position)
        if refused is None:
            return last.remaining
        return refused.first.quantity if last.purpose is Purpose.FLATTEN else position.quantity

    def _unfinished(self, position: Position) -> Order | None:
        """The last exit of this position if it ended before it was filled. A stop order that was never touched did not
        begin an exit."""
        last = self._books.last_exit(position)
        if last is None or (last.type is OrderType.STOP and not last.filled):
            return None
        return last if last.status.is_final and last.remaining > ZERO else None

    def _is_left_over(self, market: Market, price: Decimal) -> bool:
        """Whether the position is the rest of an exit and too small to sell at this price. Such a rest blocks no
        entry."""
        held = self._books.position(market)
        if held is None or could_be_sold(market, held.quantity, price):
            return False
        last = self._books.last_exit(held)
        return last is not None and last.status.is_final


def _with_order_type(wanted: ExitOrder, market: Market, settings: ExitSettings) -> ExitOrder:
    kind, limit = choose_order_type(
        Side.SELL, 0.0, wanted.price, is_stop_loss=wanted.is_urgent, market=market, settings=settings.orders
    )
    return replace(wanted, type=kind, limit=limit, trigger_price=wanted.price if kind is OrderType.MARKET else None)


def _end_of_life(wanted: ExitOrder, now_ms: int, settings: ExitSettings) -> int | None:
    """Of a limit order; a short one if it must not wait."""
    if wanted.limit is not None and wanted.limit < wanted.price:
        return now_ms + LIMIT_LIFE_MS
    return settings.orders.end_of_life(wanted.type, now_ms, settings.candle_ms)


def _guards(stop: Order, held: Position, market: Market) -> bool:
    """Whether this stop order is the right one for the position."""
    right = held.stop is not None and stop.trigger_price == market.price_below(held.stop)
    return right and stop.remaining == floor_to_step(held.quantity, market.amount_step)
