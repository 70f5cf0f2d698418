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
from autopilot.execution.sending import Sending
from autopilot.risk.preflight import could_be_sold
from autopilot.risk.verdict import OrderDraft, review_exit

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """How exits are sent: their order type and their life."""

    orders: OrderSettings
    candle_ms: int


class Exits:
    """``stops``: whether the exchange takes stop orders. Methods raise MarketUnavailable, AnswerLost and StoreError.

    At most one exit of a symbol is alive at any time: a second one is made only after the exchange has said that the
    first is over, so that nothing is ever sold twice.
    """

    def __init__(self, sending: Sending, *, stops: bool) -> None:
        self._sending = sending
        self._books = sending.books
        self._stops = stops
        self._unsold: set[str] = set()

    async def exit_position(self, wanted: ExitOrder, market: Market, settings: ExitSettings) -> None:
        """Cancel the open orders of this market and sell its position. An exit that is under way is not doubled; an
        urgent one replaces a take-profit that waits. A halted account sells at its stops only."""
        if self._sending.restriction(wanted.purpose):
            return
        exits = [order for order in self._books.open_orders(market) if order.is_working_exit]
        if any(not wanted.is_urgent or order.type is OrderType.MARKET for order in exits):
            return
        if wanted.purpose is not Purpose.PROTECTION and self._is_left_over(market, wanted.price):
            return
        failure = await self._cancel_all(market, f"not sent: {wanted.reason}")
        held = self._books.position(market)
        if held and not wanted.is_urgent and self._unfinished(held):
            await self.finish_exit(held, wanted.price, market, settings)
        elif held:
            await self._sell(held, _with_order_type(wanted, market, settings), market, settings)
        if failure:
            raise failure

    async def protect(self, market: Market, settings: ExitSettings) -> None:
        """If the settings want it, keep a stop order on the exchange for the whole position, and for no more; another
        exit takes its place. A stop order that the exchange rejected is not tried again: the price is watched here as
        well."""
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
        if held is None or held.stop is None or self._unfinished(held) or self._stop_was_rejected(held):
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
        """Sell at market what the last exit left, if it was canceled, expired or rejected before it was filled."""
        last = self._unfinished(position)
        if last is None or self._sending.restriction(last.purpose):
            return
        purpose = exit_purpose(price, position.entry_price) if last.purpose is Purpose.TAKE_PROFIT else last.purpose
        rest = ExitOrder(
            purpose,
            price,
            f"the {last.type} exit before it was {last.status}",
            quantity=min(last.remaining, position.quantity),
        )
        await self._sell(position, rest, market, settings)

    async def flatten(self, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """Cancel the open orders of this market and sell its position at market, because the user says so. Nothing is
        sold while the exchange cannot be asked about a sell order, because that could sell it twice."""
        failure = await self._cancel_all(market, "not sent: the user flattened the position")
        held = self._books.position(market)
        if held is not None:
            wanted = ExitOrder(Purpose.FLATTEN, price, "the user asked for it", trigger_price=price)
            await self._sell(held, wanted, market, settings)
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

    async def _sell(self, position: Position, wanted: ExitOrder, market: Market, settings: ExitSettings) -> None:
        now_ms = self._sending.clock.now_ms()
        quantity = await self._sellable(position, wanted, market)
        verdict = review_exit(
            market,
            position,
            account=self._books.account,
            purpose=wanted.purpose,
            price=wanted.price,
            draft=OrderDraft(
                type=wanted.type,
                limit=wanted.limit,
                expires_at_ms=settings.orders.end_of_life(wanted.type, now_ms, settings.candle_ms),
                strategy=position.strategy,
                reason=wanted.reason,
                decision_id=None,
                attempt=self._books.next_attempt(market, wanted.purpose, now_ms),
            ),
            at_ms=now_ms,
            now_ms=now_ms,
            trigger_price=wanted.trigger_price,
            quantity=quantity,
        )
        if not isinstance(verdict, Denied):
            await self._sending.submit(verdict.order, market)
        elif market.symbol not in self._unsold:  # met again in every cycle, and no news then
            self._unsold.add(market.symbol)
            log.warning("%s: the position of %s cannot be sold: %s", market.symbol, position.quantity, verdict.detail)

    async def _sellable(self, position: Position, wanted: ExitOrder, market: Market) -> Decimal:
        """How much to sell, in base currency. After a rejected exit no more than the exchange says is there: somebody
        may have sold or withdrawn the rest. Raises MarketUnavailable."""
        quantity = position.quantity if wanted.quantity is None else wanted.quantity
        last = self._books.last_exit(position)
        if last is None or last.status is not OrderStatus.REJECTED:
            return quantity
        owned = (await self._sending.broker.balances()).get(market.base)
        return min(quantity, owned.free if owned else ZERO)

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

    def _stop_was_rejected(self, position: Position) -> bool:
        last = self._books.last_exit(position)
        return last is not None and last.type is OrderType.STOP and last.status is OrderStatus.REJECTED


def _with_order_type(wanted: ExitOrder, market: Market, settings: ExitSettings) -> ExitOrder:
    kind, limit = choose_order_type(
        Side.SELL, 0.0, wanted.price, is_stop_loss=wanted.is_urgent, market=market, settings=settings.orders
    )
    return replace(wanted, type=kind, limit=limit, trigger_price=wanted.price if kind is OrderType.MARKET else None)


def _guards(stop: Order, held: Position, market: Market) -> bool:
    """Whether this stop order is the right one for the position."""
    right = held.stop is not None and stop.trigger_price == market.price_below(held.stop)
    return right and stop.remaining == floor_to_step(held.quantity, market.amount_step)
