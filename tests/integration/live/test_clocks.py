"""Clocks that are wrong, ours or theirs, and the pace at which an exchange is asked, which goes by neither."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from places import PLACES

from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange import gateway as gateway_module
from autopilot.adapters.exchange import rate_limiter as pace
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.domain.order import OrderStatus, OrderType, Side
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS

OFFSETS = [*product(PLACES, (-3_600, -30, -12, 5, 30, 3_600))]


def set_their_clock(live: Any, ahead_s: int) -> None:
    live.exchange.now_ms = lambda: live.clock.at_ms + ahead_s * 1000


@pytest.mark.parametrize(("anywhere", "ahead_s"), OFFSETS, indirect=["anywhere"])
async def test_orders_are_taken_by_a_clock_that_is_not_ours(anywhere: Any, ahead_s: int) -> None:
    """The exchange's deadlines, timestamps and tokens are made with its own time."""
    set_their_clock(anywhere, ahead_s)
    await anywhere.reconcile(1)
    order = anywhere.intend(OrderType.MARKET)
    await anywhere.follow()
    assert anywhere.order(order).status is OrderStatus.FILLED
    assert anywhere.exchange.balances["BTC"] == Decimal("0.01")


@pytest.mark.parametrize("ahead_s", [-3_600, -30, 30, 3_600])
@pytest.mark.parametrize("anywhere", ["binance", "kraken"], indirect=True)
async def test_their_clock_is_set_meanwhile(anywhere: Any, ahead_s: int) -> None:
    """The sale that follows goes through at the second attempt."""
    anywhere.intend(OrderType.MARKET)
    await anywhere.follow()
    set_their_clock(anywhere, ahead_s)
    anywhere.clock.at_ms += MINUTE_MS
    order = anywhere.intend(OrderType.MARKET, Side.SELL)
    for _ in range(2):
        await anywhere.follow()
        anywhere.clock.at_ms += 2_000
    assert anywhere.order(order).status is OrderStatus.FILLED
    assert anywhere.exchange.balances["BTC"] == 0


@pytest.fixture
def set_wall(whole: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the wall clock of this machine, by so much ahead of what it should be; the steady clock goes on."""

    def set_by(ahead_ms: int) -> None:
        monkeypatch.setattr(WallClock, "now_ms", lambda _: whole.clock.at_ms + ahead_ms)

    return set_by


STEPS_MS = [-HOUR_MS, HOUR_MS, -26 * HOUR_MS, 26 * HOUR_MS, -30_000, 30_000]


@pytest.mark.parametrize("ahead_ms", STEPS_MS)
async def test_a_stop_is_sold_in_the_next_cycle_after_the_clock_was_set(
    whole: Any, set_wall: Callable[[int], None], ahead_ms: int
) -> None:
    await whole.buy()
    set_wall(ahead_ms)
    whole.move(0.7)
    assert await whole.cycle() == ""
    assert whole.exchange.balances["BTC"] == 0
    assert await whole.cycle() == ""
    whole.assert_agreed()


@pytest.mark.parametrize("ahead_ms", STEPS_MS)
async def test_a_clock_that_is_wrong_from_the_start_is_traded_by_as_a_right_one(
    whole: Any, set_wall: Callable[[int], None], ahead_ms: int
) -> None:
    """Bought at the first close; each stored time is the exchange's; a day that is over is the exchange's day."""
    set_wall(ahead_ms)
    await whole.buy()
    (order,) = whole.database.rows("SELECT created_at_ms, updated_at_ms FROM orders")
    (held,) = whole.ledger.positions(whole.account)
    for at_ms in (*order, held.opened_at_ms, whole.ledger.equity_mark(whole.account, "USD").at_ms):
        assert abs(at_ms - whole.clock.at_ms) <= 5 * MINUTE_MS
    whole.move(0.7)
    assert await whole.cycle() == ""
    assert whole.exchange.balances["BTC"] == 0
    whole.assert_agreed()


@pytest.mark.parametrize("ahead_ms", [-HOUR_MS, HOUR_MS])
async def test_a_machine_that_slept_goes_on_at_once(whole: Any, set_wall: Callable[[int], None], ahead_ms: int) -> None:
    """Ten minutes, through a day's end and the stop: the candle is decided and the position sold in one cycle."""
    await whole.buy()
    set_wall(ahead_ms)
    whole.clock.at_ms += 10 * MINUTE_MS
    whole.move(0.7)
    assert await whole.cycle(0) == ""
    assert whole.exchange.balances["BTC"] == 0
    whole.assert_agreed()


@pytest.mark.parametrize("fault", ["", "reset after"])
async def test_an_exchange_whose_orders_go_by_an_earlier_time_than_its_candles_sells_once(
    whole: Any, fault: str
) -> None:
    """Its newest candle opened an hour after the time that its API states."""
    await whole.buy()
    set_their_clock(whole, -13 * HOUR_MS // 1000)
    whole.move(0.7)
    whole.exchange.faults["AddOrder"] = ["", fault]
    for _ in range(4):
        await whole.cycle()
    assert not whole.ledger.positions(whole.account)
    assert whole.calls("AddOrder") == 1 + 2, "the first sale was refused for its deadline"
    assert len(whole.exchange.orders) == 2
    whole.assert_agreed()


async def test_a_market_time_that_was_ahead_holds_nothing_up(whole: Any) -> None:
    """The books were compared and a price was seen by a clock that is corrected since: the exchange's own."""
    await whole.buy()
    theirs = whole.exchange.now_ms
    whole.exchange.now_ms = lambda: theirs() + 20 * HOUR_MS
    await whole.cycle(7 * 3_600)
    assert whole.autopilot._now_ms() > whole.clock.at_ms + 19 * HOUR_MS
    whole.exchange.now_ms = theirs
    whole.autopilot._source.clock.invalidate()
    whole.move(0.7)
    for _ in range(2):
        await whole.cycle()
    assert whole.autopilot._now_ms() == whole.clock.at_ms
    assert whole.exchange.balances["BTC"] == 0
    whole.assert_agreed()


async def test_an_order_outlives_no_step_of_the_clock(whole: Any, set_wall: Callable[[int], None]) -> None:
    """Neither sooner nor later than its life."""
    await whole.cycle()
    (order,) = whole.ledger.open_orders(whole.account)
    for ahead_ms in (3 * DAY_MS, -3 * DAY_MS):
        set_wall(ahead_ms)
        await whole.cycle()
        assert [each.client_order_id for each in whole.ledger.open_orders(whole.account)] == [order.client_order_id]


async def test_an_old_time_does_when_the_exchange_states_none(live: Any) -> None:
    live.exchange.now_ms = lambda: live.clock.at_ms + 30_000
    assert await live.broker.clock_offset_ms() == 30_000
    live.exchange.faults["Time"] = ["html"]
    live.clock.at_ms += HOUR_MS
    assert await live.broker.clock_offset_ms() == 30_000


@pytest.fixture
def skipped(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[float]]:
    """Whoever waits for its turn finds that the time has passed: for the exchange whose limiter is on."""

    def begin(live: Any) -> list[float]:
        waits: list[float] = []
        loop = asyncio.get_running_loop()
        plain = loop.time

        async def sleep(seconds: float) -> None:
            waits.append(seconds)
            await asyncio.sleep(0)

        async def opened(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
            return await open_exchange(name, timeout_s, live.exchange.url, **more)

        monkeypatch.setattr(loop, "time", lambda: plain() + sum(waits))
        monkeypatch.setattr(pace, "sleep", sleep)
        monkeypatch.setattr(gateway_module, "open_exchange", opened)
        return waits

    return begin


async def test_six_symbols_that_are_followed_at_once_do_not_wait_at_krakens_pace(
    live: Any, skipped: Callable[[Any], list[float]]
) -> None:
    waits = skipped(live)
    live.intend(OrderType.LIMIT)
    await live.follow()
    waits[:] = [60.0]
    for _ in range(6):
        await live.follow()
    assert sum(waits) == 60
    for _ in range(20):
        await live.follow()
    assert sum(waits) > 100, "and are slowed down then"


async def test_an_order_waits_for_no_questions(live: Any, skipped: Callable[[Any], list[float]]) -> None:
    waits = skipped(live)
    for _ in range(10):
        await live.broker.balances()
    waited_s = sum(waits)
    first = live.intend(OrderType.LIMIT)
    live.exchange.faults["AddOrder"] = ["reset after"]
    await live.follow()
    assert (live.order(first).status, sum(waits)) == (OrderStatus.UNKNOWN, waited_s)


async def test_a_purchase_in_250_trades_is_booked_at_krakens_pace(
    live: Any, skipped: Callable[[Any], list[float]]
) -> None:
    """Each question has its own time-out."""
    waits = skipped(live)
    order = live.intend(OrderType.LIMIT, quantity="0.25")
    await live.follow()
    (theirs,) = live.exchange.named(order.client_order_id)
    for _ in range(250):
        live.exchange.fill(theirs, Decimal("0.001"))
    await live.follow()
    assert live.order(order).status is OrderStatus.FILLED
    assert sum(waits) > gateway_module.TIMEOUT_S
    live.assert_agreed()


async def test_a_wall_clock_that_is_set_back_stops_no_questions(
    live: Any, skipped: Callable[[Any], list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    skipped(live)
    await live.broker.balances()
    from ccxt.async_support.base import throttler

    monkeypatch.setattr(throttler, "time", lambda: 0.0)
    for _ in range(12):
        await live.broker.balances()
