"""Sends approved orders and follows each one to its end. What was sent and never answered is asked about, not sent
again; what must be left is left, even when the process died on the way."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from decimal import Decimal

from autopilot.domain.decision import Denied
from autopilot.domain.documents import document
from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.exits import ExitTrigger
from autopilot.execution.order_type import OrderSettings, choose_order_type
from autopilot.ports.broker import Broker
from autopilot.ports.clock import Clock
from autopilot.ports.ledger import Ledger
from autopilot.ports.observer import EventSink
from autopilot.risk.verdict import Approved, OrderDraft, review_exit

FRESH_MS = 2 * MINUTE_MS
"""An entry that was never sent is still sent within this time; later its price is history and it expires."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExitSettings:
    """How exits are sent: their order type, their life, and the least value worth selling."""

    orders: OrderSettings
    candle_ms: int
    min_order_value: Decimal


class OrderDesk:
    """One account's orders. The caller holds the account's lock."""

    def __init__(self, account: str, broker: Broker, ledger: Ledger, clock: Clock, events: EventSink) -> None:
        self._account = account
        self._broker = broker
        self._ledger = ledger
        self._clock = clock
        self._events = events

    async def send(self, approved: Approved, market: Market) -> Order:
        """Send once. Never raises for what the exchange does: the order's status says it. Raises StoreError."""
        return await self._submit(approved.order, market)

    async def follow(self, market: Market) -> None:
        """Bring every open order of this market up to date: recover the lost, apply fills, end what has outlived its
        life. Raises MarketUnavailable when the exchange cannot be asked, StoreError."""
        for order in self._ledger.open_orders(self._account, market.symbol):
            if order.status is OrderStatus.NEW:
                await self._send_or_expire(order, market)
            else:
                await self._ask(order, market)

    async def leave(self, trigger: ExitTrigger, market: Market, settings: ExitSettings) -> None:
        """Sell what is held because a level was touched. An exit that is already under way is not doubled; a stop takes
        the place of a take-profit that waits."""
        for order in self._exits(market.symbol):
            if trigger.purpose is not Purpose.STOP_LOSS or order.type is OrderType.MARKET:
                return
            await self._cancel(order)
        held = self._position(market.symbol)
        if held is None:
            return
        kind, limit = choose_order_type(
            Side.SELL,
            0.0,
            trigger.price,
            is_stop_loss=trigger.purpose is Purpose.STOP_LOSS,
            market=market,
            settings=settings.orders,
        )
        await self._sell(
            held,
            market,
            purpose=trigger.purpose,
            price=trigger.price,
            trigger_price=trigger.price if kind is OrderType.MARKET else None,
            at_ms=self._clock.now_ms(),
            settings=settings,
            kind=kind,
            limit=limit,
            reason=trigger.reason,
        )

    async def finish_exit(self, position: Position, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """An exit that ended without selling everything (its life was over, it was refused) goes to market now."""
        last = self._ledger.last_exit(self._account, market.symbol, position.opened_at_ms)
        if last is None or not last.status.is_final or last.status is OrderStatus.FILLED:
            return
        await self._sell(
            position,
            market,
            purpose=last.purpose,
            price=price,
            trigger_price=None,
            at_ms=last.created_at_ms,
            settings=settings,
            kind=OrderType.MARKET,
            limit=None,
            reason=f"the {last.type} exit before it was {last.status}",
            attempt=1,
        )

    async def flatten(self, price: Decimal, market: Market, settings: ExitSettings) -> None:
        """Cancel what is open and sell what is held, at market, because the user says so."""
        for order in self._ledger.open_orders(self._account, market.symbol):
            if order.status is OrderStatus.NEW:
                self._save(order.to(OrderStatus.EXPIRED, self._clock.now_ms(), detail="not sent: the user flattens"))
            else:
                await self._cancel(order)
        held = self._position(market.symbol)
        if held is not None:
            await self._sell(
                held,
                market,
                purpose=Purpose.FLATTEN,
                price=price,
                trigger_price=price,
                at_ms=self._clock.now_ms(),
                settings=settings,
                kind=OrderType.MARKET,
                limit=None,
                reason="the user asked for it",
            )

    async def _sell(
        self,
        position: Position,
        market: Market,
        *,
        purpose: Purpose,
        price: Decimal,
        trigger_price: Decimal | None,
        at_ms: int,
        settings: ExitSettings,
        kind: OrderType,
        limit: Decimal | None,
        reason: str,
        attempt: int = 0,
    ) -> None:
        now_ms = self._clock.now_ms()
        life_ms = settings.orders.limit_life_candles * settings.candle_ms
        draft = OrderDraft(
            type=kind,
            limit=limit,
            expires_at_ms=now_ms + life_ms if kind is OrderType.LIMIT else None,
            strategy=position.strategy,
            reason=reason,
            decision_id=None,
            attempt=attempt,
        )
        verdict = review_exit(
            market,
            position,
            account=self._account,
            purpose=purpose,
            price=price,
            draft=draft,
            min_order_value=settings.min_order_value,
            at_ms=at_ms,
            now_ms=now_ms,
            trigger_price=trigger_price,
        )
        if isinstance(verdict, Denied):
            log.warning("%s: the exit was refused by us: %s %s", market.symbol, verdict.code, verdict.detail)
        else:
            await self._submit(verdict.order, market)

    async def _send_or_expire(self, order: Order, market: Market) -> None:
        age_ms = self._clock.now_ms() - order.created_at_ms
        if order.purpose is Purpose.ENTRY and age_ms > FRESH_MS:
            self._save(order.to(OrderStatus.EXPIRED, self._clock.now_ms(), detail="never sent; its moment has passed"))
        else:
            await self._submit(order, market)

    async def _submit(self, order: Order, market: Market) -> Order:
        order = order.to(OrderStatus.SUBMITTED, self._clock.now_ms())
        self._ledger.save_order(order)
        try:
            report = await self._broker.submit(order, market)
        except OrderRejected as refusal:
            return self._save(order.to(OrderStatus.REJECTED, self._clock.now_ms(), detail=str(refusal)))
        except MarketUnavailable as error:
            return self._save(order.to(OrderStatus.NEW, self._clock.now_ms(), detail=str(error)))
        except (AnswerLost, TimeoutError) as error:
            return self._save(order.to(OrderStatus.UNKNOWN, self._clock.now_ms(), detail=f"no answer: {error}"))
        return self._apply(order, report)

    async def _ask(self, order: Order, market: Market) -> None:
        report = await self._broker.lookup(order)
        if report is None:
            returned = order.to(OrderStatus.NEW, self._clock.now_ms(), detail="it never reached the exchange")
            await self._send_or_expire(self._save(returned), market)
            return
        order = self._apply(order, report)
        over = order.expires_at_ms is not None and self._clock.now_ms() >= order.expires_at_ms
        if over and not order.status.is_final:
            await self._cancel(order)

    async def _cancel(self, order: Order) -> Order:
        return self._apply(order, await self._broker.cancel(order))

    def _apply(self, order: Order, report: OrderReport) -> Order:
        """The order after the exchange's word. A word that comes late or twice never undoes a later state; its fills
        count all the same, once."""
        late = report.filled < order.filled or not order.can_become(report.status)
        after = order.to(
            order.status if late else report.status,
            report.at_ms,
            filled=max(order.filled, report.filled),
            exchange_order_id=report.exchange_order_id,
            detail=report.detail or order.detail,
        )
        if after == order:
            return order
        for fill in self._ledger.apply_fills(after, report.fills):
            self._events.publish("fill", document(fill) | {"purpose": after.purpose, "strategy": after.strategy})
        if after.status is not order.status:
            self._events.publish("order", document(after))
        return after

    def _save(self, order: Order) -> Order:
        self._ledger.save_order(order)
        self._events.publish("order", document(order))
        return order

    def _exits(self, symbol: str) -> tuple[Order, ...]:
        return tuple(o for o in self._ledger.open_orders(self._account, symbol) if o.side is Side.SELL)

    def _position(self, symbol: str) -> Position | None:
        return next((p for p in self._ledger.positions(self._account) if p.symbol == symbol), None)
