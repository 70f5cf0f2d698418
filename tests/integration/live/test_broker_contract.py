"""What every Broker promises, kept by the paper account and by each exchange alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import pytest
from fake_clock import FakeClock
from loopback_exchange import FEE
from orders import an_order
from places import PLACES
from ready_database import ready_database

from autopilot.adapters.store.paper import SqlitePaper
from autopilot.domain.candles import Candle
from autopilot.domain.errors import OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import MINUTE_MS, Timeframe
from autopilot.execution.paper import PaperBroker
from autopilot.execution.paper_settings import PaperSettings
from autopilot.ports.broker import Broker

PRICE = 30_000
LIMITS = {Side.BUY: Decimal(29_900), Side.SELL: Decimal(30_100)}
ZERO = Decimal(0)


class Account(Protocol):
    """An account with a fresh balance in quote currency. ``pause_ms``: until what was sent is there for certain;
    ``fee_held``: the part of its value that a waiting purchase holds back besides."""

    broker: Broker
    market: Market
    name: str
    clock: FakeClock
    pause_ms: int
    fee_held: Decimal

    def trade(self, order: Order, quantity: Decimal) -> None:
        """The market trades so much of it."""


class Paper:
    name, pause_ms, fee_held = "paper:kraken", 0, ZERO
    market = PLACES["kraken"].market

    def __init__(self, path: Path) -> None:
        self.clock = FakeClock(1_900_000_020_000)
        self.database = ready_database(path)
        self.broker = PaperBroker(self.name, PaperSettings(), SqlitePaper(self.database), self.clock)
        self.broker.on_price(self.market, PRICE, self.clock.at_ms)

    def trade(self, order: Order, quantity: Decimal) -> None:
        """In a candle whose volume leaves it so much."""
        volume = float(quantity * 10)
        candle = Candle(self.clock.at_ms, PRICE, PRICE + 200, PRICE - 200, PRICE, volume)
        self.clock.at_ms += MINUTE_MS
        self.broker.on_candle(self.market, Timeframe.M1, candle)


class Loopback:
    """A desk's broker, without its desk."""

    fee_held = FEE

    def __init__(self, live: Any) -> None:
        self.broker, self.market, self.name = live.broker, live.market, live.account
        self.clock, self.pause_ms, self._exchange = live.clock, live.pause_ms, live.exchange

    def trade(self, order: Order, quantity: Decimal) -> None:
        self.clock.at_ms += 1
        for each in self._exchange.named(order.client_order_id):
            self._exchange.fill(each, quantity)


@pytest.fixture(params=["paper", *PLACES])
async def account(tmp_path: Path, open_live: Any, request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    if request.param == "paper":
        paper = Paper(tmp_path / "autopilot.db")
        yield paper
        paper.database.close()
        return
    async with open_live(request.param) as live:
        yield Loopback(live)


def make(account: Account, kind: OrderType, side: Side = Side.BUY, quantity: str = "0.01", name: str = "a") -> Order:
    """As it is when it is about to be sent."""
    now_ms = account.clock.at_ms
    return an_order(
        f"00000000-0000-4000-8000-00000000000{name}",
        account=account.name,
        symbol=account.market.symbol,
        side=side,
        type=kind,
        purpose=Purpose.ENTRY if side is Side.BUY else Purpose.FLATTEN,
        quantity=Decimal(quantity),
        price=LIMITS[side] if kind is OrderType.LIMIT else None,
        reference_price=Decimal(PRICE),
        created_at_ms=now_ms,
        reason="a test",
        status=OrderStatus.SUBMITTED,
        updated_at_ms=now_ms,
    )


async def look(account: Account, order: Order) -> OrderReport:
    found = await account.broker.lookup(order)
    assert found
    return found


async def bought(account: Account, quantity: str = "0.01") -> OrderReport:
    order = make(account, OrderType.MARKET, quantity=quantity, name="b")
    await account.broker.submit(order, account.market)
    account.trade(order, order.quantity)
    return await look(account, order)


async def totals(account: Account) -> Mapping[str, Decimal]:
    found = await account.broker.balances()
    return {name: found[name].total if name in found else ZERO for name in (account.market.base, account.market.quote)}


async def test_a_purchase_at_market_is_told_with_its_fills_and_moves_the_balances(account: Account) -> None:
    before = await totals(account)
    report = await bought(account)
    assert (report.status, report.filled) == (OrderStatus.FILLED, Decimal("0.01"))
    assert report.exchange_order_id
    assert sum((fill.quantity for fill in report.fills), ZERO) == report.filled
    for fill in report.fills:
        assert (fill.account, fill.symbol, fill.side) == (account.name, account.market.symbol, Side.BUY)
        assert (fill.client_order_id, fill.fee_currency) == (report.client_order_id, account.market.quote)
        assert (fill.fee > 0, fill.is_maker, fill.price >= PRICE) == (True, False, True)
    paid = sum((fill.value + fill.fee for fill in report.fills), ZERO)
    after = await totals(account)
    base, quote = account.market.base, account.market.quote
    assert (after[base] - before[base], before[quote] - after[quote]) == (Decimal("0.01"), paid)


async def test_a_sale_gives_the_coins_back(account: Account) -> None:
    before = await totals(account)
    purchase = await bought(account)
    sale = make(account, OrderType.MARKET, Side.SELL)
    await account.broker.submit(sale, account.market)
    account.trade(sale, sale.quantity)
    report = await look(account, sale)
    assert (report.status, [fill.side for fill in report.fills]) == (OrderStatus.FILLED, [Side.SELL])
    fees = sum((fill.fee for fill in (*purchase.fills, *report.fills)), ZERO)
    gain = sum((fill.value for fill in report.fills), ZERO) - sum((fill.value for fill in purchase.fills), ZERO)
    after = await totals(account)
    assert after[account.market.base] == before[account.market.base]
    assert after[account.market.quote] == before[account.market.quote] + gain - fees


@pytest.mark.parametrize("side", Side)
async def test_a_limit_order_waits_is_listed_and_holds_back_what_it_needs(account: Account, side: Side) -> None:
    await bought(account, "0.02")
    order = make(account, OrderType.LIMIT, side)
    report = await account.broker.submit(order, account.market)
    assert (report.status, report.fills) == (OrderStatus.OPEN, ())
    (listed,) = await account.broker.open_orders(account.market.symbol)
    assert (listed.client_order_id, listed.status) == (order.client_order_id, OrderStatus.OPEN)
    currency, held = account.market.base, order.quantity
    if side is Side.BUY:
        currency, held = account.market.quote, order.quantity * LIMITS[side] * (1 + account.fee_held)
    balance = (await account.broker.balances())[currency]
    assert balance.total - balance.free == held
    canceled = await account.broker.cancel(order)
    assert (canceled.status, canceled.filled, canceled.fills) == (OrderStatus.CANCELED, ZERO, ())
    assert await account.broker.open_orders(account.market.symbol) == ()
    balance = (await account.broker.balances())[currency]
    assert balance.total == balance.free


@pytest.mark.parametrize("side", Side)
async def test_what_was_filled_before_it_was_canceled_is_told(account: Account, side: Side) -> None:
    await bought(account, "0.02")
    order = make(account, OrderType.LIMIT, side)
    await account.broker.submit(order, account.market)
    account.trade(order, Decimal("0.004"))
    part = await look(account, order)
    assert (part.status, part.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.004"))
    assert [(fill.quantity, fill.price, fill.is_maker) for fill in part.fills] == [
        (Decimal("0.004"), LIMITS[side], True)
    ]
    canceled = await account.broker.cancel(replace(order, status=part.status, filled=part.filled))
    assert (canceled.status, canceled.filled, canceled.fills) == (OrderStatus.CANCELED, part.filled, part.fills)


async def test_asking_and_canceling_again_changes_nothing(account: Account) -> None:
    report = await bought(account)
    order = make(account, OrderType.MARKET, name="b")
    first, second = await look(account, order), await account.broker.cancel(order)
    assert (first.status, second.status) == (OrderStatus.FILLED, OrderStatus.FILLED)
    assert first.fills == second.fills == report.fills
    limit = make(account, OrderType.LIMIT)
    await account.broker.submit(limit, account.market)
    assert [(await account.broker.cancel(limit)).status for _ in range(2)] == [OrderStatus.CANCELED] * 2


async def test_what_was_never_sent_is_said_to_be_nowhere(account: Account) -> None:
    order = make(account, OrderType.LIMIT)
    account.clock.at_ms += account.pause_ms
    assert await account.broker.lookup(order) is None
    ended = await account.broker.cancel(order)
    assert (ended.status.is_final, ended.filled, ended.fills) == (True, ZERO, ())


@pytest.mark.parametrize(
    ("side", "quantity"),
    [(Side.BUY, "0.5"), (Side.SELL, "0.01"), (Side.BUY, "0.000001")],
    ids=["no money", "no coins", "too little"],
)
@pytest.mark.parametrize("kind", [OrderType.MARKET, OrderType.LIMIT])
async def test_what_is_refused_is_nowhere_and_cost_nothing(
    account: Account, kind: OrderType, side: Side, quantity: str
) -> None:
    before = await account.broker.balances()
    order = make(account, kind, side, quantity)
    with pytest.raises(OrderRejected):
        await account.broker.submit(order, account.market)
    account.clock.at_ms += account.pause_ms
    assert await account.broker.lookup(order) is None
    assert await account.broker.open_orders(account.market.symbol) == ()
    assert await account.broker.balances() == before
