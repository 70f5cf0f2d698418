"""The paper exchange: an account that trades on the prices the engine sees, with fees, slippage and partial fills.

It stands behind the same port as a real exchange and has its own storage, so that it survives a crash of ours. Its
orders and the prices determine everything it does: nothing in it is random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from autopilot.domain.candles import Candle
from autopilot.domain.errors import OrderRejected
from autopilot.domain.market import Market, Quote, split_symbol
from autopilot.domain.money import ONE, ZERO, floor_to_step, to_decimal
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, OrderType, Side
from autopilot.domain.timeframe import Timeframe
from autopilot.execution.paper_settings import PaperSettings
from autopilot.ports.broker import Balance, Broker, PaperChange, PaperStore
from autopilot.ports.clock import Clock
from autopilot.ports.observer import PriceObserver

FEE_STEP = Decimal("0.00000001")
BASIS_POINT = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class _Traded:
    """A trade that the market offers to an order: at most ``quantity`` at ``price``."""

    quantity: Decimal
    price: Decimal
    is_maker: bool
    at_ms: int


class PaperBroker(Broker, PriceObserver):
    """One paper account. Methods raise StoreError besides the errors of a Broker.

    A market order decided at a close trades at the next price that is seen. With a ``trigger_price`` (a stop that the
    closed candle touched) it has already traded at that price.
    """

    def __init__(self, account: str, settings: PaperSettings, store: PaperStore, clock: Clock) -> None:
        self._account = account
        self._settings = settings
        self._store = store
        self._clock = clock
        balances, orders = store.load_paper(account)
        self._balances = dict(balances)
        self._open = {order.client_order_id: (order, report) for order, report in orders}
        self._trigger: Quote | None = None

    async def submit(self, order: Order, market: Market) -> OrderReport:
        """Repeating a client order id returns the same report and does nothing."""
        known = self._find(order.client_order_id)
        if known:
            return known[1]
        self._welcome(market)
        self._refuse_impossible(order, market)
        now_ms = self._clock.now_ms()
        order = replace(order, updated_at_ms=now_ms)
        report = OrderReport(
            client_order_id=order.client_order_id,
            exchange_order_id=f"paper-{order.client_order_id[:8]}",
            status=OrderStatus.OPEN,
            filled=ZERO,
            fills=(),
            at_ms=now_ms,
        )
        if order.trigger_price is not None:
            price = self._slipped(order.side, order.trigger_price, market)
            return self._trade(order, report, _Traded(order.quantity, price, False, report.at_ms), market)
        return self._keep(order, report)

    async def cancel(self, order: Order) -> OrderReport:
        known = self._find(order.client_order_id)
        now_ms = self._clock.now_ms()
        if known is None:
            return OrderReport(order.client_order_id, "", OrderStatus.EXPIRED, ZERO, (), now_ms, "it never arrived")
        if known[1].status.is_final:
            return known[1]
        return self._keep(known[0], replace(known[1], status=OrderStatus.CANCELED, at_ms=now_ms))

    async def lookup(self, order: Order) -> OrderReport | None:
        known = self._find(order.client_order_id)
        return known[1] if known else None

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        return tuple(report for order, report in self._open.values() if order.symbol == symbol)

    async def balances(self) -> Mapping[str, Balance]:
        reserved = dict.fromkeys(self._balances, ZERO)
        for order, report in self._open.values():
            currency, amount = _held_back(order, report)
            reserved[currency] = reserved.get(currency, ZERO) + amount
        return {currency: Balance(total, total - reserved[currency]) for currency, total in self._balances.items()}

    def on_candle(self, market: Market, timeframe: Timeframe, candle: Candle) -> None:
        """Fill orders from a closed candle. Only candles that opened after the order arrived count, and each counts
        once."""
        self._welcome(market)
        closed_at_ms = candle.open_at_ms + timeframe.ms
        for order, report in tuple(self._open.values()):
            is_new = candle.open_at_ms >= order.updated_at_ms and closed_at_ms > report.at_ms
            if order.symbol == market.symbol and is_new:
                offered = self._in_candle(order, candle, closed_at_ms, market)
                if offered:
                    self._trade(order, report, offered, market)

    def on_price(self, market: Market, price: float, at_ms: int) -> None:
        """Fill orders at a price seen between two closes."""
        self._welcome(market)
        for order, report in tuple(self._open.values()):
            if order.symbol == market.symbol and at_ms > report.at_ms:
                offered = self._at_price(order, to_decimal(price), at_ms, market)
                if offered:
                    self._trade(order, report, offered, market)

    @contextmanager
    def because_of(self, quote: Quote) -> Iterator[None]:
        """Inside, what changes is stored together with this price."""
        self._trigger = quote
        try:
            yield
        finally:
            self._trigger = None

    def _in_candle(self, order: Order, candle: Candle, at_ms: int, market: Market) -> _Traded | None:
        opened = to_decimal(candle.open)
        if order.type is OrderType.MARKET:
            return _Traded(order.quantity, self._slipped(order.side, opened, market), False, candle.open_at_ms)
        limit = _limit(order)
        reached = to_decimal(candle.low if order.side is Side.BUY else candle.high)
        if not self._passes(order.side, limit, reached):
            return None
        share = to_decimal(self._settings.max_volume_share_pct) / 100
        most = floor_to_step(to_decimal(candle.volume) * share, market.amount_step)
        price = min(limit, opened) if order.side is Side.BUY else max(limit, opened)
        # A price better than the limit was there when the candle opened: the order took liquidity, it did not wait.
        return _Traded(most, price, price == limit, at_ms) if most > ZERO else None

    def _at_price(self, order: Order, price: Decimal, at_ms: int, market: Market) -> _Traded | None:
        if order.type is OrderType.MARKET:
            return _Traded(order.quantity, self._slipped(order.side, price, market), False, at_ms)
        limit = _limit(order)
        return _Traded(order.quantity, limit, True, at_ms) if self._passes(order.side, limit, price) else None

    def _passes(self, side: Side, limit: Decimal, reached: Decimal) -> bool:
        if self._settings.fill_at_touch and reached == limit:
            return True
        return reached < limit if side is Side.BUY else reached > limit

    def _slipped(self, side: Side, price: Decimal, market: Market) -> Decimal:
        slip = to_decimal(self._settings.slippage_bps) * BASIS_POINT
        if side is Side.BUY:
            return market.price_above(price * (ONE + slip))
        return max(market.price_below(price * (ONE - slip)), market.price_step)

    def _fee_rate(self, market: Market, is_maker: bool) -> Decimal:
        own = self._settings.maker_fee_pct if is_maker else self._settings.taker_fee_pct
        if own is not None:
            return to_decimal(own) / 100
        return market.maker_fee if is_maker else market.taker_fee

    def _trade(self, order: Order, report: OrderReport, offered: _Traded, market: Market) -> OrderReport:
        rate = self._fee_rate(market, offered.is_maker)
        wanted = min(order.quantity - report.filled, offered.quantity)
        quantity = min(wanted, self._affordable(order, offered.price, rate, market))
        short = quantity < wanted
        filled = report.filled + quantity
        fills, balances = report.fills, None
        if quantity > ZERO:
            fill = self._fill(order, len(fills), quantity, offered, rate, market)
            fills, balances = (*fills, fill), self._balances_after(fill, market)
        status = OrderStatus.PARTIALLY_FILLED
        if filled == order.quantity:
            status = OrderStatus.FILLED
        elif short:
            status = OrderStatus.CANCELED
        after = replace(
            report,
            status=status,
            filled=filled,
            fills=fills,
            at_ms=offered.at_ms,
            detail="funds ran out" if short else report.detail,
        )
        return self._keep(order, after, balances)

    def _fill(
        self, order: Order, number: int, quantity: Decimal, offered: _Traded, rate: Decimal, market: Market
    ) -> Fill:
        return Fill(
            fill_id=f"{order.client_order_id}:{number}",
            client_order_id=order.client_order_id,
            account=self._account,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=offered.price,
            fee=(quantity * offered.price * rate).quantize(FEE_STEP, ROUND_UP),
            fee_currency=market.quote,
            is_maker=offered.is_maker,
            at_ms=offered.at_ms,
        )

    def _balances_after(self, fill: Fill, market: Market) -> Mapping[str, Decimal]:
        sign = ONE if fill.side is Side.BUY else -ONE
        return self._balances | {
            market.base: self._balances.get(market.base, ZERO) + sign * fill.quantity,
            market.quote: self._balances[market.quote] + fill.cash,
        }

    def _affordable(self, order: Order, price: Decimal, rate: Decimal, market: Market) -> Decimal:
        """The part of ``order`` that the funds cover, without those reserved by other orders."""
        if order.side is Side.SELL:
            return max(self._free(market.base, order), ZERO)
        # The fee is rounded up by less than a step of it.
        cash = max(self._free(market.quote, order) - FEE_STEP, ZERO)
        return floor_to_step(cash / (price * (ONE + rate)), market.amount_step)

    def _free(self, currency: str, asking: Order) -> Decimal:
        """The balance not reserved by other open orders."""
        held_back = (
            amount
            for order, report in self._open.values()
            if order.client_order_id != asking.client_order_id
            for held, amount in [_held_back(order, report)]
            if held == currency
        )
        return self._balances.get(currency, ZERO) - sum(held_back, ZERO)

    def _refuse_impossible(self, order: Order, market: Market) -> None:
        """Raises OrderRejected as an exchange would."""
        price = order.price or order.reference_price
        if order.quantity < market.min_amount or order.quantity * price < market.min_cost:
            raise OrderRejected(
                f"{order.quantity} {market.base} is below the minimum of {market.symbol}", hint="trade a larger amount"
            )
        is_sale = order.side is Side.SELL
        currency, needed = (market.base, order.quantity) if is_sale else (market.quote, order.quantity * price)
        free = self._free(currency, order)
        if needed > free:
            raise OrderRejected(
                f"insufficient funds: {needed} {currency} needed, {free} free", hint="autopilot positions"
            )

    def _welcome(self, market: Market) -> None:
        """Credit the starting balance when a quote currency is first seen."""
        if market.quote not in self._balances:
            balances = self._balances | {market.quote: self._settings.balance}
            self._store.save_paper(PaperChange(self._account, balances))
            self._balances = balances

    def _find(self, client_order_id: str) -> tuple[Order, OrderReport] | None:
        return self._open.get(client_order_id) or self._store.find_paper_order(self._account, client_order_id)

    def _keep(self, order: Order, report: OrderReport, balances: Mapping[str, Decimal] | None = None) -> OrderReport:
        """Commit the change before anything else sees it, this object included. Raises StoreError."""
        after = dict(self._balances if balances is None else balances)
        self._store.save_paper(PaperChange(self._account, after, ((order, report),), self._trigger))
        self._balances = after
        if report.status.is_final:
            self._open.pop(order.client_order_id, None)
        else:
            self._open[order.client_order_id] = (order, report)
        return report


def _limit(order: Order) -> Decimal:
    assert order.price is not None, "a limit order has a price"
    return order.price


def _held_back(order: Order, report: OrderReport) -> tuple[str, Decimal]:
    """(currency, amount) reserved by an open order; for a buy without its fee."""
    base, quote = split_symbol(order.symbol)
    left = order.quantity - report.filled
    return (base, left) if order.side is Side.SELL else (quote, left * (order.price or order.reference_price))
