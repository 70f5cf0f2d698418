"""Sends approved orders and follows each one to its end. What was sent and never answered is asked about, not sent
again; what must be left is left, even when the process died on the way."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from autopilot.domain.booking import is_unsellable_rest
from autopilot.domain.decision import Denied
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.money import ZERO, floor_to_step
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side, client_order_id
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.domain.trading_mode import Restriction, holding_back
from autopilot.execution.exits import ExitTrigger
from autopilot.execution.missing_orders import MissingOrders
from autopilot.execution.order_type import OrderSettings, choose_order_type, exit_purpose
from autopilot.execution.reconciliation import Reconciliation, reconcile
from autopilot.ports.broker import Broker
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import Ledger
from autopilot.ports.observer import EventSink
from autopilot.ports.restrictions import RestrictionSource
from autopilot.risk.preflight import could_be_sold
from autopilot.risk.verdict import Approved, OrderDraft, review_exit

FRESH_MS = 2 * MINUTE_MS
"""What was never sent is sent as it is within this time. Later its price is history: an entry expires, an exit pays
what the market pays then."""
_ACCEPTED = frozenset({OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED})

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """How exits are sent: their order type and their life."""

    orders: OrderSettings
    candle_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sale:
    """An exit to be made: at ``limit``, or at market when None, as soon as ``trigger_price`` is touched where it
    ``rests`` on the exchange. ``quantity`` None means all that is held."""

    purpose: Purpose
    price: Decimal
    reason: str
    limit: Decimal | None = None
    trigger_price: Decimal | None = None
    quantity: Decimal | None = None
    rests: bool = False

    @property
    def kind(self) -> OrderType:
        if self.rests:
            return OrderType.STOP
        return OrderType.MARKET if self.limit is None else OrderType.LIMIT


class OrderDesk:
    """One account's orders. It is the caller's turn on the account. ``stops``: whether the exchange takes stop orders.

    At most one exit of a symbol is alive at any time: a second one is made only when the exchange has said that the
    first is over, so that nothing is ever sold twice.
    """

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
        self._account = account
        self._broker = broker
        self._ledger = ledger
        self._clock = clock
        self._events = events
        self._restrictions = restrictions
        self._stops = stops
        self._missing = MissingOrders()
        self._unsold: set[str] = set()

    async def send(self, approved: Approved, market: Market) -> Order:
        """Send once, unless the account is held back by now: then it expires. Never raises for what the exchange does:
        the order's status says it. Raises StoreError."""
        order = approved.order
        held = self._holding_back(order.purpose)
        if held:
            return self._expire(order, _not_sent(held))
        try:
            return await self._submit(order, market)
        except ExchangeError as error:
            log.warning("%s: not sent yet: %s", market.symbol, error)
            return order

    async def follow(self, market: Market) -> None:
        """Bring every open order of this market up to date: recover the lost, apply fills, end what has outlived its
        life. One that cannot be asked about does not keep the others waiting: then the first error is raised at the
        end. Raises MarketUnavailable, AnswerLost, StoreError."""
        await self._follow_all(self._open_orders(market), market, may_end=True)
        self._write_off(market)

    async def _follow_all(self, orders: Sequence[Order], market: Market, *, may_end: bool) -> None:
        failures: list[ExchangeError] = []
        for order in orders:
            try:
                await self._follow_one(order, market, may_end=may_end)
            except ExchangeError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    async def reconcile(self, market: Market) -> Reconciliation:
        """Follow what is open, then hold the books against the exchange. An order of ours that is open there and over
        here is canceled, its late fills counted; nothing foreign is touched. Raises as `follow` does."""
        # After a restart a stored market's time is that of the last decision. What was made later waits for its moment,
        # and nothing ends before the candle that may fill it was seen.
        now_ms = self._clock.now_ms()
        due = [order for order in self._open_orders(market) if order.created_at_ms <= now_ms]
        await self._follow_all(due, market, may_end=False)
        found = await reconcile(self._account, [market.symbol], self._broker, self._ledger)
        for order in found.undead:
            await self.end(order, "it was over in our books", market)
        return found

    async def leave(self, trigger: ExitTrigger, market: Market, settings: ExitSettings) -> None:
        """Sell what is held because a level was touched or too much was lost, and buy no more of it. An exit that is
        already under way is not doubled; one to market takes the place of a take-profit that waits; a halted account
        leaves at its stops only. Raises as `follow` does."""
        if self._holding_back(trigger.purpose):
            return
        exits = [order for order in self._open_orders(market) if order.is_working_exit]
        if any(not trigger.is_urgent or order.type is OrderType.MARKET for order in exits):
            return
        if trigger.purpose is not Purpose.PROTECTION and self._is_left_over(market, trigger.price):
            return
        failure = await self._end_all(market, f"not sent: {trigger.reason}")
        held = self._position(market)
        if held and not trigger.is_urgent and self._unfinished(held):
            await self.finish_exit(held, trigger.price, market, settings)
        elif held:
            await self._sell(held, self._sale_at(trigger, market, settings), market, settings)
        if failure:
            raise failure

    def _sale_at(self, trigger: ExitTrigger, market: Market, settings: ExitSettings) -> _Sale:
        kind, limit = choose_order_type(
            Side.SELL,
            0.0,
            trigger.price,
            is_stop_loss=trigger.is_urgent,
            market=market,
            settings=settings.orders,
        )
        return _Sale(
            purpose=trigger.purpose,
            price=trigger.price,
            reason=trigger.reason,
            limit=limit,
            trigger_price=trigger.price if kind is OrderType.MARKET else None,
        )

    def is_engaged(self, market: Market) -> bool:
        """Whether something of this market is held or on order."""
        return self._position(market) is not None or bool(self._open_orders(market))

    async def protect(self, market: Market, settings: ExitSettings) -> None:
        """Where it is wished for, have a stop order rest on the exchange for all that is held, and for no more; another
        exit takes its place. One that the exchange refused is not tried again: the price is watched here as well.
        Raises as `follow` does."""
        if not (self._stops and settings.orders.stop_on_exchange):
            return
        orders = self._open_orders(market)
        if any(order.is_working_exit for order in orders):
            return
        held, resting = self._position(market), [order for order in orders if order.type is OrderType.STOP]
        if held and any(_guards(order, held, market) for order in resting):
            return
        for order in resting:
            await self.end(order, "another stop takes its place", market)
        held = self._position(market)
        if held is None or held.stop is None or self._unfinished(held) or self._stop_was_refused(held):
            return
        sale = _Sale(
            purpose=Purpose.STOP_LOSS,
            price=held.stop,
            reason=f"the stop at {held.stop}, kept on the exchange",
            trigger_price=held.stop,
            rests=True,
        )
        await self._sell(held, sale, market, settings)

    async def finish_exit(self, position: Position, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """What an exit left unsold (its life was over, it was refused) goes to market now. Raises as
        `follow` does."""
        last = self._unfinished(position)
        if last is None or self._holding_back(last.purpose):
            return
        purpose = exit_purpose(price, position.entry_price) if last.purpose is Purpose.TAKE_PROFIT else last.purpose
        sale = _Sale(
            purpose=purpose,
            price=price,
            reason=f"the {last.type} exit before it was {last.status}",
            quantity=min(last.remaining, position.quantity),
        )
        await self._sell(position, sale, market, settings)

    async def flatten(self, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """End what is open and sell what is held, at market, because the user says so. Where the exchange cannot be
        asked about a sale nothing is sold, lest it be sold twice. Raises as `follow` does."""
        failure = await self._end_all(market, "not sent: the user flattens")
        held = self._position(market)
        if held is not None:
            sale = _Sale(purpose=Purpose.FLATTEN, price=price, reason="the user asked for it", trigger_price=price)
            await self._sell(held, sale, market, settings)
        if failure:
            raise failure

    async def end(self, order: Order, why: str, market: Market | None = None) -> None:
        """Cancel it; ``why`` it is not sent where it never was. When it returns the order is over, late fills included.
        What an exit left that cannot be sold is written off, by the next `follow` where ``market`` is not at hand.

        Raises MarketUnavailable, also while the exchange does not know what it had accepted; AnswerLost, also while it
        still calls it open.
        """
        if order.status is OrderStatus.NEW:
            self._expire(order, why)
            return
        try:
            report = await self._broker.cancel(order)
        except AnswerLost:
            # Safe to repeat, and the second answer also tells what the first one did.
            report = await self._broker.cancel(order)
        if order.status in _ACCEPTED and not report.exchange_order_id:
            self._miss(order, market)
        elif not self._apply(order, report, market).status.is_final:
            raise AnswerLost(
                f"{order.symbol}: order {order.client_order_id} is not over yet, the exchange says {report.status}",
                hint="it is asked again in the next cycle",
            )

    async def _follow_one(self, order: Order, market: Market, *, may_end: bool) -> None:
        if order.status is not OrderStatus.NEW:
            report = await self._broker.lookup(order)
            if report is None and order.status in _ACCEPTED:
                order = self._miss(order, market)
            elif report is None:
                absent = order.to(OrderStatus.NEW, self._clock.now_ms(), detail="it never reached the exchange")
                order = self._save(absent)
            else:
                order = self._apply(order, report, market)
        if order.status is OrderStatus.NEW:
            await self._send_late(order, market)
        elif may_end and not order.status.is_final and (self._is_over(order) or self._is_unwanted(order)):
            await self.end(order, "", market)

    def _miss(self, order: Order, market: Market | None) -> Order:
        """The exchange does not know an order that it had accepted. Raises MarketUnavailable until it is over."""
        now_ms, name = self._clock.now_ms(), order.client_order_id
        self._missing.miss(order, now_ms)
        detail = (
            f"the exchange has not known it for an hour: taken for canceled with {order.filled} filled;"
            " look at the exchange's own orders and trades for what it may have filled unseen"
        )
        log.warning("%s: order %s: %s", order.symbol, name, detail)
        lost = order.to(OrderStatus.CANCELED, now_ms, detail=detail)
        self._ledger.apply_fills(lost, (), market)
        self._events.publish("order", lost)
        return lost

    async def _send_late(self, order: Order, market: Market) -> None:
        """Send what is known never to have been sent, unless its moment has passed."""
        stale = self._clock.now_ms() - order.created_at_ms > FRESH_MS
        held = self._holding_back(order.purpose)
        if held:
            self._expire(order, _not_sent(held))
        elif self._is_over(order) or (stale and (order.purpose is Purpose.ENTRY or order.type is OrderType.STOP)):
            await self.end(order, "never sent; its moment has passed", market)
        else:
            await self._submit(replace(order, trigger_price=None) if stale else order, market)

    async def _sell(self, position: Position, sale: _Sale, market: Market, settings: ExitSettings) -> None:
        now_ms = self._clock.now_ms()
        quantity = await self._sellable(position, sale, market)
        life_ms = settings.orders.limit_life_candles * settings.candle_ms
        verdict = review_exit(
            market,
            position,
            account=self._account,
            purpose=sale.purpose,
            price=sale.price,
            draft=OrderDraft(
                type=sale.kind,
                limit=sale.limit,
                expires_at_ms=now_ms + life_ms if sale.kind is OrderType.LIMIT else None,
                strategy=position.strategy,
                reason=sale.reason,
                decision_id=None,
                attempt=self._next_attempt(market, sale.purpose, now_ms),
            ),
            at_ms=now_ms,
            now_ms=now_ms,
            trigger_price=sale.trigger_price,
            quantity=quantity,
        )
        if not isinstance(verdict, Denied):
            await self._submit(verdict.order, market)
        elif market.symbol not in self._unsold:  # met again in every cycle, and no news then
            self._unsold.add(market.symbol)
            log.warning("%s: %s held cannot be sold: %s", market.symbol, position.quantity, verdict.detail)

    async def _sellable(self, position: Position, sale: _Sale, market: Market) -> Decimal:
        """How much to sell: when the exchange refused the exit before, no more than it says is there, for somebody may
        have sold or withdrawn the rest. Raises MarketUnavailable."""
        wanted = position.quantity if sale.quantity is None else sale.quantity
        last = self._last_exit(position)
        if last is None or last.status is not OrderStatus.REJECTED:
            return wanted
        owned = (await self._broker.balances()).get(market.base)
        return min(wanted, owned.free if owned else ZERO)

    def _next_attempt(self, market: Market, purpose: Purpose, at_ms: int) -> int:
        """The first number no exit of this moment has had: an order that is over never lives again. 0 belongs to the
        exit that a decision makes."""
        attempt = 1
        while self._ledger.order(client_order_id(self._account, market.symbol, at_ms, purpose, attempt)):
            attempt += 1
        return attempt

    async def _submit(self, order: Order, market: Market) -> Order:
        """Raises MarketUnavailable and AnswerLost where a stop must make way for it and is not over yet."""
        if order.side is Side.SELL and not await self._is_covered(order, market):
            return self._save(
                order.to(OrderStatus.EXPIRED, self._clock.now_ms(), detail="never sent; it was sold before")
            )
        order = order.to(OrderStatus.SUBMITTED, self._clock.now_ms(), detail="")
        self._ledger.save_order(order)
        try:
            report = await self._broker.submit(order, market)
        except OrderRejected as refusal:
            return self._save(order.to(OrderStatus.REJECTED, self._clock.now_ms(), detail=str(refusal)))
        except MarketUnavailable as error:
            return self._save(order.to(OrderStatus.NEW, self._clock.now_ms(), detail=str(error)))
        except (AnswerLost, TimeoutError) as error:
            return self._save(order.to(OrderStatus.UNKNOWN, self._clock.now_ms(), detail=f"no answer: {error}"))
        return self._apply(order, report, market)

    async def _is_covered(self, order: Order, market: Market) -> bool:
        """Whether so much is held, when no stop order on the exchange can sell it any more."""
        for resting in self._open_orders(market):
            if resting.type is OrderType.STOP and resting.client_order_id != order.client_order_id:
                await self.end(resting, "another exit takes its place", market)
        held = self._position(market)
        return held is not None and held.quantity >= order.quantity

    async def _end_all(self, market: Market, why: str) -> ExchangeError | None:
        """Sales first. Raises what keeps one from ending; what keeps a purchase from it is returned: what it bought by
        now can be sold all the same, and what it still buys after that."""
        failure: ExchangeError | None = None
        for order in sorted(self._open_orders(market), key=lambda order: order.side is Side.BUY):
            try:
                await self.end(order, why, market)
            except ExchangeError as error:
                if order.side is Side.SELL:
                    raise
                failure = failure or error
        return failure

    def _apply(self, order: Order, report: OrderReport, market: Market | None) -> Order:
        """The order after the exchange's word. A word that comes late or twice never undoes a later state, and an end
        whose fills were not all told yet is no end; its fills count all the same, once."""
        self._missing.seen(order.client_order_id)
        told = sum((fill.quantity for fill in report.fills), ZERO)
        late = report.filled < order.filled or not order.can_become(report.status)
        incomplete = report.status.is_final and told < report.filled
        keeps = late or incomplete
        after = order.to(
            order.status if keeps else report.status,
            max(order.updated_at_ms, report.at_ms),
            filled=max(order.filled, told),
            exchange_order_id=report.exchange_order_id or order.exchange_order_id,
            detail=order.detail if keeps else report.detail,
        )
        if after == order:
            return order
        for fill in self._ledger.apply_fills(after, report.fills, market):
            self._events.publish("fill", fill, purpose=after.purpose, strategy=after.strategy)
        if after.status is not order.status:
            self._events.publish("order", after)
        return after

    def _write_off(self, market: Market) -> None:
        """What an exit left that cannot be sold, where that was not done with its end: the market's rules were not at
        hand, or are others now."""
        held = self._position(market)
        last = self._last_exit(held) if held else None
        if held and last and is_unsellable_rest(held, last, market):
            self._ledger.apply_fills(last, (), market)

    def _expire(self, order: Order, why: str) -> Order:
        """One that was never sent."""
        return self._save(order.to(OrderStatus.EXPIRED, self._clock.now_ms(), detail=why))

    def _save(self, order: Order) -> Order:
        self._ledger.save_order(order)
        self._events.publish("order", order)
        return order

    def _is_over(self, order: Order) -> bool:
        return order.expires_at_ms is not None and self._clock.now_ms() >= order.expires_at_ms

    def _holding_back(self, purpose: Purpose) -> Restriction | None:
        return holding_back(self._restrictions.restrictions(self._account), purpose)

    def _is_unwanted(self, order: Order) -> bool:
        """An entry that rests on the exchange while nothing is to be bought."""
        found = [each for each in self._restrictions.restrictions(self._account) if each.ends_resting_entries]
        return order.purpose is Purpose.ENTRY and holding_back(found, order.purpose) is not None

    def _unfinished(self, position: Position) -> Order | None:
        """The last exit of this position, if it ended before it was filled. A stop order that was never touched is none
        that was begun."""
        last = self._last_exit(position)
        if last is None or (last.type is OrderType.STOP and not last.filled):
            return None
        return last if last.status.is_final and last.remaining > ZERO else None

    def _is_left_over(self, market: Market, price: Decimal) -> bool:
        """Whether what is held is what an exit left, and too little to sell at this price. It keeps nothing from being
        bought."""
        held = self._position(market)
        if held is None or could_be_sold(market, held.quantity, price):
            return False
        last = self._last_exit(held)
        return last is not None and last.status.is_final

    def _stop_was_refused(self, position: Position) -> bool:
        last = self._last_exit(position)
        return last is not None and last.type is OrderType.STOP and last.status is OrderStatus.REJECTED

    def _last_exit(self, position: Position) -> Order | None:
        return self._ledger.last_exit(self._account, position.symbol, position.opened_at_ms)

    def _open_orders(self, market: Market) -> tuple[Order, ...]:
        return self._ledger.open_orders(self._account, market.symbol)

    def _position(self, market: Market) -> Position | None:
        return next((held for held in self._ledger.positions(self._account) if held.symbol == market.symbol), None)


def _not_sent(why: Restriction) -> str:
    return f"not sent, {why.code}: {why.detail}"


def _guards(stop: Order, held: Position, market: Market) -> bool:
    """Whether this stop order is the right one for what is held."""
    return stop.trigger_price == held.stop and stop.remaining == floor_to_step(held.quantity, market.amount_step)
