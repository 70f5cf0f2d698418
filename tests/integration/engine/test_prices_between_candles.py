"""Prices of a stream between two cycles: what they sell, and what they do not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from autopilot.adapters.store.trigger_prices import trigger_prices
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import Quote
from autopilot.domain.timeframe import MINUTE_MS

Open = Callable[..., Any]
SYMBOL, ACCOUNT = "BTC/USD", "paper:moved"
SOLD = [("sell", "stop_loss", "filled")]


@pytest.fixture
async def desk(open_desk: Open, strategies: Any) -> Any:
    """A desk that holds a position, ten minutes after a close. Its stop is a tenth of the entry price."""
    desk = open_desk(strategies["says"](otherwise=1))
    await desk.hours(2)
    desk.market.at_ms += 10 * MINUTE_MS
    return desk


def stop(desk: Any) -> float:
    (held,) = desk.ledger.positions(ACCOUNT)
    return float(held.stop)


async def see(desk: Any, price: float, *, after_ms: int = 1_000, at_ms: int | None = None) -> list[Any]:
    """What is sold once the stream shows this price, so many milliseconds later."""
    desk.market.at_ms += after_ms
    await desk.autopilot.price_watch.see(Quote(SYMBOL, price, desk.market.at_ms if at_ms is None else at_ms))
    return desk.orders()[1:]


async def near(desk: Any, price: float) -> None:
    """The exchange's latest price is this one, and a cycle has seen it."""
    desk.market.at_ms += MINUTE_MS
    desk.market.prices[SYMBOL] = price
    await desk.autopilot.run_cycle()


async def test_a_stop_is_sold_at_the_price_that_crosses_it(desk: Any) -> None:
    level = stop(desk)
    await near(desk, 1.3 * level)
    assert await see(desk, 1.001 * level) == []
    assert await see(desk, 0.99 * level) == SOLD
    (price,) = desk.rows("trigger_price", "orders WHERE side = 'sell'", "rowid")[0]
    assert float(price) == pytest.approx(0.99 * level)
    assert trigger_prices(desk.database, ACCOUNT)[-1] == Quote(SYMBOL, 0.99 * level, desk.market.at_ms)
    assert await see(desk, 0.98 * level) == SOLD, "once"


@pytest.mark.parametrize(
    "wrong",
    [0.2, 1e-9, 0.0, -1.0, float("nan"), float("inf"), 1e300],
)
async def test_one_wrong_price_sells_nothing(desk: Any, wrong: float) -> None:
    assert await see(desk, wrong * stop(desk)) == []
    assert len(desk.ledger.positions(ACCOUNT)) == 1


async def test_a_price_far_away_counts_once_the_exchange_confirms_it(desk: Any) -> None:
    level = stop(desk)
    asked = [0]
    fetch = desk.market.fetch

    async def counted(*args: Any) -> Any:
        asked[0] += 1
        return await fetch(*args)

    desk.market.fetch = counted
    for _ in range(60):
        assert await see(desk, 0.5 * level) == []
    assert 3 < asked[0] < 8, "a stream that the exchange contradicts costs fewer and fewer requests"
    desk.market.prices[SYMBOL] = 0.6 * level
    assert await see(desk, 0.5 * level, after_ms=MINUTE_MS) == SOLD
    (price,) = desk.rows("trigger_price", "orders WHERE side = 'sell'", "rowid")[0]
    assert float(price) == pytest.approx(0.6 * level), "what the exchange says counts"


async def test_a_stale_price_is_confirmed_and_one_out_of_order_is_dropped(desk: Any) -> None:
    level = stop(desk)
    await near(desk, 1.2 * level)
    assert await see(desk, 0.99 * level, at_ms=desk.market.at_ms - 10_000) == [], "the exchange contradicts it"
    assert await see(desk, 1.1 * level, after_ms=MINUTE_MS) == []
    assert await see(desk, 0.99 * level, after_ms=1, at_ms=desk.market.at_ms - 5) == []
    assert await see(desk, 0.99 * level, after_ms=2_000) == SOLD


async def test_a_price_of_the_future_stops_nothing(desk: Any) -> None:
    level = stop(desk)
    await near(desk, 1.2 * level)
    assert await see(desk, 1.1 * level, at_ms=desk.market.at_ms + 3_600_000) == []
    assert await see(desk, 0.99 * level) == SOLD


async def test_an_exit_that_fails_is_tried_again_after_a_pause(desk: Any) -> None:
    level = stop(desk)
    await near(desk, 1.01 * level)
    desk.broker.trouble = {"submit": MarketUnavailable("away")}
    await see(desk, 0.999 * level)
    desk.broker.trouble = {}
    tried = desk.orders()
    await see(desk, 0.999 * level, after_ms=100)
    assert desk.orders() == tried, "too soon"
    await see(desk, 0.999 * level, after_ms=MINUTE_MS)
    assert desk.orders()[-1] == SOLD[0]


async def test_an_entry_is_filled_by_the_price_that_passes_its_limit(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1, strength=0.5))
    await desk.hours(1)
    assert desk.orders() == [("buy", "entry", "open")]
    (limit,) = desk.rows("price", "orders", "rowid")[0]
    for price in (1.0001 * float(limit), float(limit)):
        await see(desk, price)
        assert desk.orders() == [("buy", "entry", "open")], "not at the touch"
    await see(desk, 0.9999 * float(limit))
    assert desk.orders() == [("buy", "entry", "filled")]


async def test_a_price_waits_for_whoever_has_the_account(desk: Any) -> None:
    level = stop(desk)
    await near(desk, 1.01 * level)
    async with desk.account.lock.for_user():
        seen = asyncio.create_task(see(desk, 0.999 * level))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert desk.orders()[1:] == []
    assert await seen == SOLD


async def test_where_nothing_is_open_no_price_does_anything(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"]())
    await desk.hours(1)
    desk.market.trouble = MarketUnavailable("away")
    assert await see(desk, 1e-6) == []
    assert trigger_prices(desk.database, ACCOUNT) == []
