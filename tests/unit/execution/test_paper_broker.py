from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.domain.candles import Candle
from autopilot.domain.errors import OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus, Side
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.execution.paper import PaperBroker
from autopilot.execution.paper_settings import PaperSettings
from autopilot.ports.broker import Balance

ACCOUNT = "paper:test"
START_MS = 1_714_521_600_000
H1 = Timeframe.H1

MakeOrder = Callable[..., Order]
MakeCandle = Callable[..., Candle]


@pytest.fixture
def open_broker(database: Database, clock: Any) -> Callable[..., PaperBroker]:
    """As a start does: from what the store remembers."""

    def make(**settings: Any) -> PaperBroker:
        return PaperBroker(ACCOUNT, PaperSettings(**settings), SqlitePaper(database), clock)

    return make


@pytest.fixture
def paper(open_broker: Callable[..., PaperBroker]) -> PaperBroker:
    return open_broker()


@pytest.fixture
def told(paper: PaperBroker) -> Callable[[Order], Awaitable[OrderReport]]:
    async def ask(order: Order) -> OrderReport:
        report = await paper.lookup(order)
        assert report is not None
        return report

    return ask


async def bought(paper: PaperBroker, order: Order, market: Market, candle: Candle) -> OrderReport:
    await paper.submit(order, market)
    paper.on_candle(market, H1, candle)
    report = await paper.lookup(order)
    assert report is not None
    return report


async def cash(paper: PaperBroker) -> Decimal:
    return (await paper.balances())["USD"].total


async def test_a_market_order_waits_for_the_next_open_and_pays_slippage_and_fee(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    accepted = await paper.submit(make_order(), market)
    assert (accepted.status, accepted.fills) == (OrderStatus.OPEN, ())
    report = await bought(paper, make_order(), market, candle(0, 100.01))
    (fill,) = report.fills
    assert report.status is OrderStatus.FILLED
    assert (fill.price, fill.quantity, fill.is_maker) == (Decimal("100.07"), 2, False)
    assert fill.fee == Decimal("0.40028000"), "0.2 % of 200.14"
    assert fill.at_ms == START_MS
    assert await cash(paper) == Decimal("9799.45972")
    assert (await paper.balances())["BTC"] == Balance(Decimal(2), Decimal(2))


async def test_a_sale_slips_down_and_pays_its_fee(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    await bought(paper, make_order(), market, candle(0))
    before = await cash(paper)
    report = await bought(paper, make_order("sale", Side.SELL, created_at_ms=START_MS), market, candle(1, 100.01))
    (fill,) = report.fills
    assert (fill.price, fill.fee) == (Decimal("99.95"), Decimal("0.39980000"))
    assert await cash(paper) == before + Decimal("199.90") - Decimal("0.39980000")


async def test_slippage_ends_on_the_step_of_the_price_at_hand(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    coarse = replace(market, price_step=Decimal("1e-8"), price_digits=4)
    report = await bought(paper, make_order(), coarse, candle(0, 1234.0))
    assert report.fills[0].price == 1235, "1,234.617 and no more than four digits"
    sale = await paper.submit(make_order("stop", Side.SELL, trigger_price=Decimal("0.012345")), coarse)
    assert sale.fills[0].price == Decimal("0.01233"), "0.0123388"


async def test_an_earlier_candle_fills_nothing(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    report = await bought(paper, make_order(price=Decimal(100)), market, candle(-1, low=1.0))
    assert report.status is OrderStatus.OPEN


async def test_what_comes_in_late_does_not_trade_in_the_past(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle, clock: Any
) -> None:
    """Made at noon, it reached the exchange at half past: the candle of noon is not its own."""
    clock.at_ms = START_MS + HOUR_MS // 2
    report = await bought(paper, make_order(), market, candle(0))
    assert report.status is OrderStatus.OPEN
    paper.on_candle(market, H1, candle(1))
    after = await paper.lookup(make_order())
    assert after is not None
    assert after.status is OrderStatus.FILLED


async def test_a_touched_level_trades_at_once_less_slippage(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    await bought(paper, make_order(), market, candle(0))
    report = await paper.submit(make_order("stop", Side.SELL, trigger_price=Decimal(95)), market)
    assert report.status is OrderStatus.FILLED
    assert report.fills[0].price == Decimal("94.95")


@pytest.mark.parametrize(
    ("at_touch", "low", "status"),
    [
        (False, 99.0, OrderStatus.OPEN),
        (False, 98.99, OrderStatus.FILLED),
        (True, 99.0, OrderStatus.FILLED),
        (True, 99.01, OrderStatus.OPEN),
    ],
)
async def test_a_limit_is_gone_through_not_touched(
    open_broker: Callable[..., PaperBroker],
    market: Market,
    make_order: MakeOrder,
    candle: MakeCandle,
    at_touch: bool,
    low: float,
    status: OrderStatus,
) -> None:
    paper = open_broker(fill_at_touch=at_touch)
    report = await bought(paper, make_order(price=Decimal(99)), market, candle(0, low=low))
    assert report.status is status
    if status is OrderStatus.FILLED:
        (fill,) = report.fills
        assert (fill.price, fill.is_maker, fill.fee) == (99, True, Decimal("0.19800000"))


@pytest.mark.parametrize("side", Side)
async def test_a_gap_beyond_the_limit_trades_at_the_open_as_a_taker(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle, side: Side
) -> None:
    await bought(paper, make_order("stock", quantity="3"), market, candle(0))
    limit, opened = (Decimal(99), 97.0) if side is Side.BUY else (Decimal(101), 103.0)
    gap = candle(1, opened, opened + 0.5, opened - 0.5, opened)
    report = await bought(paper, make_order("gap", side, price=limit), market, gap)
    (fill,) = report.fills
    assert (fill.price, fill.is_maker) == (Decimal(str(opened)).normalize(), False)
    assert fill.fee == fill.value * market.taker_fee


async def test_a_sale_waits_above(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    await bought(paper, make_order(), market, candle(0))
    waiting = make_order("profit", Side.SELL, price=Decimal(101))
    assert (await bought(paper, waiting, market, candle(1, high=101.0))).status is OrderStatus.OPEN
    paper.on_candle(market, H1, candle(2, high=101.01))
    report = await paper.lookup(waiting)
    assert report is not None
    assert (report.status, report.fills[0].price) == (OrderStatus.FILLED, 101)


async def test_a_limit_takes_its_share_of_the_volume_and_waits_for_the_rest(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    order = make_order(price=Decimal(99))
    report = await bought(paper, order, market, candle(0, low=98, volume=7.00099))
    assert (report.status, report.filled) == (OrderStatus.PARTIALLY_FILLED, Decimal("0.7000"))
    paper.on_candle(market, H1, candle(1, low=98, volume=0.0001))
    paper.on_candle(market, H1, candle(2, low=98, volume=7))
    paper.on_candle(market, H1, candle(3, low=98, volume=7))
    after = await paper.lookup(order)
    assert after is not None
    assert after.status is OrderStatus.FILLED
    assert [fill.quantity for fill in after.fills] == [Decimal("0.7"), Decimal("0.7"), Decimal("0.6")]
    assert len({fill.fill_id for fill in after.fills}) == 3


async def test_the_same_candle_again_changes_nothing(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    order, first = make_order(price=Decimal(99)), candle(0, low=98, volume=7)
    before = await bought(paper, order, market, first), await paper.balances()
    for _ in range(3):
        paper.on_candle(market, H1, first)
    assert (await paper.lookup(order), await paper.balances()) == before


async def test_another_markets_candle_is_none_of_its_business(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    await paper.submit(make_order(), market)
    paper.on_candle(replace(market, symbol="ETH/USD", base="ETH"), H1, candle(0))
    report = await paper.lookup(make_order())
    assert report is not None
    assert report.status is OrderStatus.OPEN


async def test_a_price_between_two_closes_fills_too(paper: PaperBroker, market: Market, make_order: MakeOrder) -> None:
    at_market, waiting = make_order("market"), make_order("limit", price=Decimal(99))
    await paper.submit(at_market, market)
    await paper.submit(waiting, market)
    paper.on_price(market, 50.0, START_MS)
    assert len(await paper.open_orders("BTC/USD")) == 2, "a price that is not newer than the orders"
    paper.on_price(market, 99.0, START_MS + 1)
    (left,) = await paper.open_orders("BTC/USD")
    assert left.client_order_id == "limit"
    paper.on_price(market, 98.5, START_MS + 2)
    report = await paper.lookup(waiting)
    assert report is not None
    assert (report.status, report.fills[0].price, report.fills[0].is_maker) == (OrderStatus.FILLED, 99, True)


@pytest.mark.parametrize(
    ("fee_pct", "fee"),
    [(None, "0.40028000"), (0.0, "0"), (0.333333333, "0.66713334")],
    ids=["own", "none", "rounded up"],
)
async def test_fees_are_the_markets_or_those_of_the_settings_rounded_up(
    open_broker: Callable[..., PaperBroker],
    market: Market,
    make_order: MakeOrder,
    candle: MakeCandle,
    fee_pct: float | None,
    fee: str,
) -> None:
    report = await bought(open_broker(taker_fee_pct=fee_pct), make_order(), market, candle(0, 100.01))
    assert report.fills[0].fee == Decimal(fee)


async def test_where_funds_run_out_the_rest_is_canceled_and_nothing_goes_below_zero(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    report = await bought(paper, make_order(quantity="99"), market, candle(0, 110, 111, 109, 110))
    assert (report.status, report.detail) == (OrderStatus.CANCELED, "funds ran out")
    assert 90 < report.filled < 99
    left = await cash(paper)
    assert 0 <= left < Decimal("0.0001") * 111


async def test_what_another_order_holds_back_is_not_spent(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    waiting = make_order("waiting", quantity="40", price=Decimal(50))
    await paper.submit(waiting, market)
    report = await bought(paper, make_order(quantity="80"), market, candle(0, 110, 111, 109, 110))
    assert report.status is OrderStatus.CANCELED
    assert (await paper.balances())["USD"].free >= 0
    assert await cash(paper) >= 2000


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"quantity": "0.0009"}, "below the minimum"),
        ({"quantity": "0.0499"}, "below the minimum"),
        ({"quantity": "100.01"}, "10001.00 USD needed, 10000 free"),
        ({"quantity": "1", "side": Side.SELL}, "1 BTC needed, 0 free"),
    ],
)
async def test_what_is_impossible_is_rejected_and_leaves_no_trace(
    paper: PaperBroker, market: Market, make_order: MakeOrder, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(OrderRejected, match=words):
        await paper.submit(make_order(**changes), market)
    assert await paper.lookup(make_order()) is None
    assert (await paper.balances())["USD"] == Balance(Decimal(10_000), Decimal(10_000))


async def test_open_orders_hold_back_what_they_need(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    await bought(paper, make_order(), market, candle(0))
    total = await cash(paper)
    await paper.submit(make_order("sell", Side.SELL, "1.5", price=Decimal(120)), market)
    await paper.submit(make_order("buy", quantity="10", price=Decimal(90)), market)
    balances = await paper.balances()
    assert balances["BTC"] == Balance(Decimal(2), Decimal("0.5"))
    assert balances["USD"] == Balance(total, total - 900)
    with pytest.raises(OrderRejected, match=r"1 BTC needed, 0\.5 free"):
        await paper.submit(make_order("more", Side.SELL, "1"), market)


async def test_the_same_order_again_is_one_order(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    first = await paper.submit(make_order(), market)
    assert await paper.submit(make_order(), market) == first
    filled = await bought(paper, make_order(), market, candle(0))
    after = await paper.balances()
    assert await paper.submit(make_order(), market) == filled
    assert await paper.balances() == after
    assert await paper.open_orders("BTC/USD") == ()


async def test_a_cancellation_tells_what_became_of_it(
    paper: PaperBroker, market: Market, make_order: MakeOrder, candle: MakeCandle
) -> None:
    order = make_order(price=Decimal(99))
    assert (await paper.cancel(order)).status is OrderStatus.EXPIRED, "it never arrived"
    await bought(paper, order, market, candle(0, low=98, volume=7))
    canceled = await paper.cancel(order)
    assert (canceled.status, canceled.filled) == (OrderStatus.CANCELED, Decimal("0.7"))
    assert await paper.cancel(order) == canceled
    paper.on_candle(market, H1, candle(1, low=98))
    assert await paper.lookup(order) == canceled
    assert (await paper.balances())["USD"].free == await cash(paper)


async def test_it_goes_on_after_a_restart_at_any_point_as_if_there_was_none(
    open_broker: Callable[..., PaperBroker],
    database: Database,
    market: Market,
    make_order: MakeOrder,
    candle: MakeCandle,
) -> None:
    async def live(restarts: bool) -> tuple[Any, ...]:
        with database.transaction(durable=False) as connection:
            connection.execute("DELETE FROM paper_orders")
            connection.execute("DELETE FROM paper_balances")
        paper = open_broker()
        bigger, limit = make_order("market"), make_order("limit", price=Decimal(99), quantity="3")
        stop = make_order("stop", Side.SELL, "1", trigger_price=Decimal(95))
        steps: list[Callable[[], Any]] = [
            lambda: paper.submit(bigger, market),
            lambda: paper.submit(limit, market),
            lambda: paper.on_candle(market, H1, candle(0, low=98, volume=9)),
            lambda: paper.submit(stop, market),
            lambda: paper.on_candle(market, H1, candle(1, low=98, volume=9)),
            lambda: paper.cancel(limit),
        ]
        seen = []
        for step in steps:
            answer = step()
            if answer is not None:
                await answer
            if restarts:
                paper = open_broker()
            seen.append((await paper.balances(), await paper.open_orders("BTC/USD"), await paper.lookup(limit)))
        return tuple(seen)

    assert await live(restarts=True) == await live(restarts=False)
