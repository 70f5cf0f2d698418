"""An exchange that refuses to sell: it is asked seldom, everybody hears of it, and the first order that it would take
gets the position out, once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from fake_event_sink import FakeEventSink
from kraken_exchange import WORDS
from loopback_exchange import LoopbackOrder, Why

from autopilot.adapters.store.views.status import status_document
from autopilot.domain.errors import ExchangeError
from autopilot.domain.order import OrderType, Purpose
from autopilot.domain.timeframe import HOUR_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.restrictions import Restrictions

EXITS = ExitSettings(OrderSettings(), HOUR_MS)
STOP, TARGET, HELD = Decimal(29_000), Decimal(33_000), Decimal("0.01")
TOUCHED = ExitOrder(Purpose.STOP_LOSS, STOP, "the stop was touched")
REACHED = ExitOrder(Purpose.TAKE_PROFIT, TARGET, "the target was reached")
CUT = ExitOrder(Purpose.PROTECTION, STOP, "too much was lost")
MEANT = {
    Why.FUNDS: "funds",
    Why.CANCEL_ONLY: "closed",
    Why.LOCKED: "locked",
    Why.DENIED: "permission",
    Why.MALFORMED: "other",
}
"""Why an order is refused, as our own reason."""


async def held(live: Any, price: Decimal = STOP) -> None:
    live.intend(OrderType.MARKET, stop=STOP, target=TARGET)
    await live.follow()
    live.exchange.price["BTC"] = price
    live.exchange.asked.clear()


async def cycles(live: Any, times: int, trigger: ExitOrder = TOUCHED, seconds: int = 60) -> None:
    """As `Trader` runs them; each may try to sell twice."""
    for _ in range(times):
        live.clock.at_ms += seconds * 1000
        with suppress(ExchangeError):
            await live.desk.follow(live.market)
            if live.ledger.positions(live.account):
                await live.desk.exit_position(trigger, live.market, EXITS)
            for position in live.ledger.positions(live.account):
                await live.desk.finish_exit(position, trigger.price, live.market, EXITS)


def count(live: Any, call: str = "") -> int:
    return [name for name, _ in live.exchange.asked].count(call or live.exchange.placing)


def sales(live: Any) -> list[LoopbackOrder]:
    return [order for order in live.exchange.orders.values() if order.side == "sell"]


def health(live: Any) -> dict[str, Any] | None:
    document = status_document(live.database.path, live.clock.at_ms)
    found = [each for each in document["health"] if each["code"] == "EXIT_REFUSED"]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.parametrize(
    ("why", "trigger"),
    [
        (Why.FUNDS, TOUCHED),
        (Why.SMALL, CUT),
        (Why.CANCEL_ONLY, REACHED),
        (Why.LOCKED, TOUCHED),
        (Why.DENIED, REACHED),
        (Why.MALFORMED, TOUCHED),
    ],
    ids=lambda given: given.name if isinstance(given, Why) else given.purpose.value,
)
async def test_an_hour_of_refusals_is_an_attempt_in_five_minutes(live: Any, why: Why, trigger: ExitOrder) -> None:
    await held(live)
    live.exchange.refusing = why
    await cycles(live, 60, trigger)
    assert count(live) == 16
    assert count(live, "BalanceEx") <= 45
    assert live.database.rows("SELECT count(*) FROM orders WHERE side = 'sell'")[0][0] == 16
    problem = health(live)
    assert problem
    assert (problem["level"], problem["subject"]) == ("error", "BTC/USD in live:kraken")
    assert f"its exit is refused: kraken rejected it: {WORDS[why]}; 16 attempts" in problem["detail"]
    assert problem["hint"]
    live.exchange.refusing = None
    await cycles(live, 12, trigger)
    assert live.ledger.positions(live.account) == ()
    assert health(live) is None
    live.assert_agreed()


@pytest.mark.parametrize("why", [Why.FUNDS, Why.CANCEL_ONLY, Why.LOCKED, Why.DENIED, Why.MALFORMED])
@pytest.mark.parametrize("name", ["binance", "coinbase"])
async def test_every_exchange_is_understood(open_live: Any, name: str, why: Why) -> None:
    async with open_live(name) as live:
        await held(live)
        live.exchange.refusing = why
        await cycles(live, 15)
        assert count(live) == 7
        refused = live.ledger.refused_exit(live.ledger.positions(live.account)[0])
        assert (refused.reason.value, refused.attempts) == (MEANT[why], 7)
        live.exchange.refusing = None
        await cycles(live, 12)
        live.assert_agreed()
        assert live.exchange.balances["BTC"] == 0


async def test_short_cycles_make_no_more_attempts(live: Any) -> None:
    """A cycle that tries the exit twice, every second."""
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 300, seconds=1)
    assert count(live) == 5
    assert count(live, "BalanceEx") <= 7


async def test_a_restart_neither_ends_the_pause_nor_forgets_the_refusals(live: Any) -> None:
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 10)
    before = count(live)
    for _ in range(10):
        live.restart()
        await cycles(live, 1, seconds=3)
    assert count(live) == before
    problem = health(live)
    assert problem
    assert f"{before} attempts" in problem["detail"]


@pytest.mark.parametrize("back_ms", [HOUR_MS, 30 * 24 * HOUR_MS])
async def test_a_clock_that_was_set_back_does_not_stop_the_attempts(live: Any, back_ms: int) -> None:
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 20)
    live.clock.at_ms -= back_ms
    live.exchange.asked.clear()
    await cycles(live, 20)
    assert 4 <= count(live) <= 6
    live.exchange.refusing = None
    await cycles(live, 6)
    assert live.exchange.balances["BTC"] == 0


async def test_a_further_fall_ends_the_pause(live: Any) -> None:
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 30)
    before = count(live)
    lower = ExitOrder(Purpose.STOP_LOSS, STOP * Decimal("0.9901"), "the stop was touched")
    await cycles(live, 1, lower)
    assert count(live) == before
    lower = ExitOrder(Purpose.STOP_LOSS, STOP * Decimal("0.98"), "the stop was touched")
    await cycles(live, 1, lower)
    assert count(live) == before + 1
    await cycles(live, 1, lower)
    assert count(live) == before + 1, "measured from the last attempt"


async def test_coins_that_become_free_end_the_pause(live: Any) -> None:
    await held(live)
    foreign = live.exchange.foreign_order()
    assert foreign.quantity == HELD
    await cycles(live, 60)
    assert count(live) == 1, "nothing is free, so nothing is sent"
    assert count(live, "BalanceEx") <= 31
    live.exchange.cancel(foreign)
    await cycles(live, 3)
    assert live.exchange.balances["BTC"] == 0
    live.assert_agreed()


async def test_what_is_free_is_sold_and_the_rest_once_it_is_free(live: Any) -> None:
    await held(live)
    foreign = live.exchange.place("", "BTC", "sell", "limit", Decimal("0.004"), Decimal(90_000))
    await cycles(live, 30)
    assert [order.filled for order in sales(live) if order is not foreign] == [Decimal("0.006")]
    assert health(live)
    live.exchange.cancel(foreign)
    await cycles(live, 3)
    assert live.exchange.balances["BTC"] == 0
    assert health(live) is None
    live.assert_agreed()


async def test_new_rules_of_the_market_end_the_pause(live: Any) -> None:
    await held(live)
    live.exchange.refusing = Why.MALFORMED
    await cycles(live, 30)
    before = count(live)
    live.market = replace(live.market, price_step=Decimal(1))
    await cycles(live, 1)
    assert count(live) == before + 1


@pytest.mark.parametrize("name", ["kraken", "binance", "coinbase"])
async def test_where_no_market_order_is_taken_a_limit_below_the_price_sells(open_live: Any, name: str) -> None:
    async with open_live(name) as live:
        await held(live)
        live.exchange.states["BTC"] = "limit_only"
        await cycles(live, 2)
        (sold,) = sales(live)
        assert (sold.kind, sold.price, sold.status) == ("limit", STOP * Decimal("0.98"), "closed")
        assert live.ledger.positions(live.account) == ()
        live.assert_agreed()


async def test_a_limit_that_the_price_fell_below_is_followed_by_a_lower_one(live: Any) -> None:
    await held(live)
    live.exchange.states["BTC"] = "limit_only"
    await cycles(live, 1)
    live.exchange.price["BTC"] = STOP * Decimal("0.9")
    await cycles(live, 2)
    (high,) = sales(live)
    assert high.status == "open"
    lower = ExitOrder(Purpose.STOP_LOSS, STOP * Decimal("0.9"), "the stop was touched")
    await cycles(live, 2, lower)
    high, low = sales(live)
    assert (high.status, low.status) == ("canceled", "closed")
    assert count(live) == 3, "the order at market is not tried again meanwhile"
    live.assert_agreed()


async def test_a_limit_that_waits_outlives_no_clock_that_was_set_back(live: Any) -> None:
    await held(live)
    live.exchange.states["BTC"] = "limit_only"
    await cycles(live, 1)
    live.exchange.price["BTC"] = STOP * Decimal("0.9")
    await cycles(live, 1)
    live.clock.at_ms -= HOUR_MS
    await cycles(live, 2, ExitOrder(Purpose.STOP_LOSS, STOP * Decimal("0.9"), "the stop was touched"))
    assert live.exchange.balances["BTC"] == 0
    live.assert_agreed()


async def test_a_part_that_the_user_sold_is_no_size_for_the_stop(live: Any) -> None:
    await held(live)
    await live.desk.flatten(STOP, live.market, EXITS, HELD - Decimal("0.003"))
    await cycles(live, 1)
    assert [order.quantity for order in sales(live)] == [Decimal("0.003"), Decimal("0.007")]


async def test_where_an_order_is_too_large_smaller_ones_sell(live: Any) -> None:
    await held(live)
    live.exchange.most = Decimal("0.003")
    await cycles(live, 30)
    assert live.exchange.balances["BTC"] == 0
    assert all(order.quantity <= live.exchange.most for order in sales(live))
    assert count(live) <= 16
    live.assert_agreed()


async def test_a_market_that_takes_nothing_that_trades_is_tried_until_it_does(live: Any) -> None:
    await held(live)
    live.exchange.states["BTC"] = "post_only"
    await cycles(live, 40)
    assert [fields["ordertype"] for name, fields in live.exchange.asked if name == "AddOrder"][:4] == [
        "market",
        "limit",
        "market",
        "limit",
    ]
    live.exchange.states.clear()
    await cycles(live, 6)
    assert live.exchange.balances["BTC"] == 0
    live.assert_agreed()


async def test_an_account_that_may_not_trade_is_still_asked_about_the_rest(live: Any) -> None:
    """A permission that the order lacks is no reason to stop asking for balances and orders."""
    await held(live)
    live.exchange.refusing = Why.DENIED
    await cycles(live, 1)
    assert (await live.broker.balances())["BTC"].total == HELD


async def test_beginning_change_and_end_are_published_once(live: Any) -> None:
    events = FakeEventSink()
    live.desk = OrderDesk(live.account, live.broker, live.ledger, live.clock, events, Restrictions())
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 20)
    live.exchange.refusing = Why.DENIED
    await cycles(live, 20)
    live.exchange.refusing = None
    await cycles(live, 20)
    told = [body for kind, body in events.published if kind == "exit_refused"]
    assert [(body["state"], body["reason"]) for body in told] == [
        ("began", "locked"),
        ("changed", "permission"),
        ("ended", "permission"),
    ]
    first = told[0]
    assert (first["account"], first["symbol"], first["attempts"]) == (live.account, "BTC/USD", 1)
    assert first["words"] == "kraken rejected it: ETrade:User Locked"
    assert first["next_at_ms"] - first["since_ms"] == 10_000


async def test_a_position_that_ends_otherwise_ends_the_refusals(live: Any) -> None:
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 5)
    assert health(live)
    (position,) = live.ledger.positions(live.account)
    live.ledger.write_off(position, position.quantity, STOP, live.clock.at_ms)
    assert health(live) is None


async def test_the_users_own_command_tries_at_once_and_the_other_orders_too(live: Any) -> None:
    await held(live)
    live.exchange.refusing = Why.LOCKED
    await cycles(live, 30)
    before = count(live)
    await live.desk.flatten(STOP, live.market, EXITS)
    assert count(live) == before + 1
    live.exchange.refusing, live.exchange.states["BTC"] = None, "limit_only"
    await live.desk.flatten(STOP, live.market, EXITS)
    assert live.exchange.balances["BTC"] == 0
    live.assert_agreed()


async def test_the_users_command_says_the_exchanges_words(whole: Any) -> None:
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    whole.exchange.refusing = Why.LOCKED
    result = await whole.liquidation.exit("BTC/USD")
    (left,) = result.outcome.left
    assert "not sold: kraken rejected it: ETrade:User Locked" in left.what
    assert "unlock the account" in left.hint
    assert whole.calls("AddOrder") == 2


async def test_a_sell_signal_adds_no_attempt_and_says_why(whole: Any) -> None:
    """The status row says it too."""
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    whole.exchange.refusing = Why.LOCKED
    whole.move(0.7)
    for _ in range(60):
        await whole.cycle()
    assert whole.calls("AddOrder") == 1 + 16
    assert whole.autopilot.record.state == "running"


async def test_a_minimum_that_was_raised_gives_no_position_up_and_a_lower_one_sells_it(whole: Any) -> None:
    """The rules are read again a minute after a refusal, and every hour of the next day."""
    quantity = await whole.buy()
    before, whole.exchange.least = whole.exchange.least, quantity * 2
    whole.move(0.7)
    for _ in range(10):
        await whole.cycle()
        (position,) = whole.ledger.positions(whole.account)
        assert position.quantity == quantity
    assert whole.calls("AddOrder") == 2, "it was read that no order can be sent"
    whole.exchange.least = before
    for _ in range(60):
        await whole.cycle()
    assert not whole.ledger.positions(whole.account)
    whole.assert_agreed()
