"""The broker of a real account on an exchange, through ccxt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

from autopilot.adapters.exchange.ccxt_errors import reading
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.venue import Raw, VenueOrders
from autopilot.domain.credentials import KeyRights
from autopilot.domain.errors import ExchangeError, MarketUnavailable, UnknownSymbol
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, Side
from autopilot.ports.broker import Balance, Broker

SEND_WITHIN_MS = 10_000
"""An order is sent within this time after it was committed as sent, or not at all. So an order whose answer was lost
shows up soon or never."""
_STATUSES = {
    "open": OrderStatus.OPEN,
    "canceled": OrderStatus.CANCELED,
    "expired": OrderStatus.EXPIRED,
    "rejected": OrderStatus.REJECTED,
}


class CcxtBroker(Broker):
    """``account`` is its name in our books; ``clock``: the exchange's."""

    def __init__(self, account: str, gateway: Gateway, orders: VenueOrders, clock: ExchangeClock) -> None:
        self._account = account
        self._gateway = gateway
        self._orders = orders
        self._clock = clock
        self._stored_ahead: dict[str, int] = {}

    async def submit(self, order: Order, market: Market) -> OrderReport:  # noqa: ARG002 - paper needs its fees
        """Looks the order up at once: a market order is over before the answer is read."""
        until_ms = order.updated_at_ms + SEND_WITHIN_MS
        found = await self._gateway.place(self._orders.request(order, until_ms), until_ms)
        try:
            report = await self.lookup(replace(order, exchange_order_id=found))
        except ExchangeError:
            report = None
        return report or OrderReport(
            order.client_order_id, found, OrderStatus.OPEN, ZERO, (), self._clock.now_ms(), "accepted"
        )

    async def cancel(self, order: Order) -> OrderReport:
        with reading(self._gateway.name, f"order {order.client_order_id}"):
            await self._orders.cancel(self._gateway, order)
        report = await self.lookup(order)
        now_ms = self._clock.now_ms()
        if report is None:
            return OrderReport(order.client_order_id, "", OrderStatus.EXPIRED, ZERO, (), now_ms, "it never arrived")
        return report

    async def lookup(self, order: Order) -> OrderReport | None:
        left_ms = self._sent_ms(order) + SEND_WITHIN_MS + self._orders.settles_within_ms - self._clock.now_ms()
        with reading(self._gateway.name, f"order {order.client_order_id}"):
            raw = await self._orders.find(self._gateway, order)
            if raw is not None:
                return await self._report(order, raw)
        if left_ms > 0:
            raise MarketUnavailable(
                f"{self._gateway.name} does not show order {order.client_order_id}, and it may still arrive",
                hint=f"Autopilot asks again; in {left_ms / 1000:.0f} s it is certain",
            )
        return None

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        shown = await self._orders.open_orders(self._gateway, symbol)
        now_ms = self._clock.now_ms()
        with reading(self._gateway.name, "our open orders"):
            return tuple(
                OrderReport(
                    client_order_id=str(raw.get("clientOrderId") or ""),
                    exchange_order_id=str(raw["id"]),
                    status=_status(raw, None),
                    filled=_amount(raw.get("filled")),
                    fills=(),
                    at_ms=now_ms,
                )
                for raw in shown
            )

    async def balances(self) -> Mapping[str, Balance]:
        found = await self._gateway.query("fetch_balance", dict(self._orders.balance_params))
        with reading(self._gateway.name, "our balances"):
            totals, free = found.get("total") or {}, found.get("free") or {}
            shown: dict[str, Balance] = {}
            for name, total in totals.items():
                if total is not None:
                    currency = name.removesuffix(self._orders.reward_suffix)
                    before = shown.get(currency, Balance(ZERO, ZERO))
                    shown[currency] = Balance(before.total + _amount(total), before.free + _amount(free.get(name)))
            return shown

    async def rights(self) -> KeyRights:
        """Raises MarketUnavailable."""
        return await self._gateway.rights()

    async def clock_offset_ms(self) -> int:
        """Milliseconds by which the exchange's clock is ahead of ours, to half the time that its answer took. Raises
        MarketUnavailable."""
        return await self._gateway.clock_offset_ms()

    async def close(self) -> None:
        await self._gateway.close()

    def _sent_ms(self, order: Order) -> int:
        """When the order was sent, at the latest. If a clock that was ahead has stored it, that is when it was first
        looked for."""
        now_ms = self._clock.now_ms()
        if order.updated_at_ms > now_ms:
            self._stored_ahead.setdefault(order.client_order_id, now_ms)
        return min(order.updated_at_ms, self._stored_ahead.get(order.client_order_id, order.updated_at_ms))

    async def _report(self, order: Order, raw: Raw) -> OrderReport:
        filled, status = _amount(raw.get("filled")), _status(raw, order.quantity)
        is_news = filled > order.filled or (status.is_final and filled > ZERO)
        shown = await self._orders.trades(self._gateway, order, raw) if is_news else ()
        trades = [each for each in shown if each.get("order") == raw["id"]]
        for each in trades:
            self._clock.see_trade(int(each["timestamp"]))
        rates = await self._rates(order, trades)
        return OrderReport(
            client_order_id=order.client_order_id,
            exchange_order_id=str(raw["id"]),
            status=status,
            filled=filled,
            fills=tuple(self._fill(order, each, rates) for each in trades),
            at_ms=self._clock.now_ms(),
        )

    async def _rates(self, order: Order, trades: Sequence[Raw]) -> Mapping[str, Decimal]:
        """The current price, in quote currency, of each coin that paid a fee and is not the order's own, such as BNB.
        A coin without a price on this exchange is left out."""
        base, quote = split_symbol(order.symbol)
        rates: dict[str, Decimal] = {}
        for currency in {_fee(each, quote)[1] for each in trades} - {base, quote}:
            with suppress(UnknownSymbol):
                ticker = await self._gateway.query("fetch_ticker", f"{currency}/{quote}")
                rates[currency] = _amount(ticker.get("last"))
        return rates

    def _fill(self, order: Order, trade: Raw, rates: Mapping[str, Decimal]) -> Fill:
        _, quote = split_symbol(order.symbol)
        fee, currency = _fee(trade, quote)
        rate = rates.get(currency)
        return Fill(
            fill_id=str(trade["id"]),
            client_order_id=order.client_order_id,
            account=self._account,
            symbol=order.symbol,
            side=Side(trade["side"]),
            quantity=_number(trade["amount"]),
            price=_number(trade["price"]),
            fee=fee if rate is None else fee * rate,
            fee_currency=currency if rate is None else quote,
            is_maker=trade.get("takerOrMaker") == "maker",
            at_ms=int(trade["timestamp"]),
        )


def _status(raw: Raw, quantity: Decimal | None) -> OrderStatus:
    """An order that ``closed`` with less than ``quantity`` filled was canceled; a quantity of None is not compared."""
    state, filled = raw.get("status"), _amount(raw.get("filled"))
    if state == "closed":
        return OrderStatus.FILLED if quantity is None or filled >= quantity else OrderStatus.CANCELED
    status = _STATUSES.get(str(state), OrderStatus.OPEN)
    if filled > ZERO and status in (OrderStatus.OPEN, OrderStatus.REJECTED):
        return OrderStatus.PARTIALLY_FILLED if status is OrderStatus.OPEN else OrderStatus.CANCELED
    return status


def _fee(trade: Raw, quote: str) -> tuple[Decimal, str]:
    """(fee, its currency); the quote currency if the exchange does not say."""
    fee: Mapping[str, Any] = trade.get("fee") or {}
    return _amount(fee.get("cost")), str(fee.get("currency") or quote)


def _amount(value: Any) -> Decimal:
    """None counts as 0."""
    return ZERO if value is None else _number(value)


def _number(value: Any) -> Decimal:
    """ccxt's numbers are floats; their shortest form is the number that the exchange sent."""
    return to_decimal(float(value))
