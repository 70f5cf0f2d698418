"""What goes wrong costs what it must and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.errors import AnswerLost, MarketUnavailable, ModelError, OrderRejected, StoreUnavailable
from autopilot.domain.selection import DecidedBy
from autopilot.domain.timeframe import HOUR_MS
from autopilot.engine.state import RunState
from autopilot.ports.score_model import ModelScores
from autopilot.strategies.registry import load_strategies

Open = Callable[..., Any]
DOWN = MarketUnavailable("moved cannot be reached", hint="wait")


async def test_each_closed_candle_is_decided_once_however_often_the_cycle_runs(
    open_desk: Open, strategies: Any, start_ms: int
) -> None:
    desk = open_desk(strategies["says"]())
    for _ in range(5):
        await desk.autopilot.run_cycle()
    assert [at_ms for at_ms, *_ in desk.decided()] == [start_ms - HOUR_MS]
    await desk.hours(3)
    desk = open_desk(strategies["says"](), at_ms=desk.market.at_ms)
    for _ in range(3):
        await desk.autopilot.run_cycle()
    assert [at_ms for at_ms, *_ in desk.decided()] == [start_ms + hour * HOUR_MS for hour in (-1, 0, 1, 2)]


async def test_candles_that_cannot_be_had_leave_the_symbol_retrying_with_those_it_has(
    open_desk: Open, strategies: Any
) -> None:
    desk = open_desk(strategies["says"]())
    await desk.hours(1)
    desk.market.trouble = DOWN
    await desk.hours(2)
    record = desk.autopilot.record
    assert (record.state, record.message, record.hint) == (RunState.RETRYING, "moved cannot be reached", "wait")
    assert len(desk.autopilot.window.candles) >= 1_000
    assert len(desk.decided()) == 1
    desk.market.trouble = None
    await desk.hours(1)
    assert (record.state, record.message) == (RunState.RUNNING, "")
    assert len(desk.decided()) == 4, "what closed meanwhile is decided"


async def test_an_order_is_followed_while_candles_cannot_be_had(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    await desk.autopilot.run_cycle()
    assert desk.orders() == [("buy", "entry", "open")]
    market = await desk.market.market("BTC/USD")
    desk.broker.behind.on_price(market, float(desk.autopilot.window.candles.close[-1]), desk.market.at_ms + 1)
    desk.market.trouble = DOWN
    await desk.hours(1)
    assert desk.orders() == [("buy", "entry", "filled")]
    assert [held.symbol for held in desk.ledger.positions("paper:moved")] == ["BTC/USD"]
    assert desk.autopilot.record.state is RunState.RETRYING


async def test_without_sentiment_those_that_ask_for_it_have_no_opinion_and_no_error(open_desk: Open) -> None:
    desk = open_desk(*load_strategies())
    await desk.hours(3)
    decision = desk.autopilot.record.last_decision
    assert desk.autopilot.record.errors == 0
    assert decision.strategy_errors == {}
    assert "sentiment" not in decision.signals


async def test_a_strategy_that_raises_costs_its_own_opinion(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["raises"](otherwise=1), strategies["says"](otherwise=1))
    await desk.autopilot.run_cycle()
    decision = desk.autopilot.record.last_decision
    assert dict(decision.strategy_errors) == {"raises": "ZeroDivisionError: a rule that was never tried"}
    assert list(decision.signals) == ["says"]
    assert decision.selection.strategy == "says"
    assert desk.orders() == [("buy", "entry", "open")]


async def test_a_strategy_that_cannot_tell_a_size_buys_nothing_and_stops_nothing(
    open_desk: Open, strategies: Any
) -> None:
    desk = open_desk(strategies["cannot_size"](otherwise=1))
    await desk.hours(2)
    assert [(action, code) for _, action, code in desk.decided()] == [("denied", "STRATEGY_FAILED")] * 2
    assert "leverage" in desk.autopilot.record.last_decision.denied.detail
    assert desk.autopilot.record.state is RunState.RUNNING
    assert desk.orders() == []


async def test_a_model_that_fails_leaves_the_choice_to_the_rules(open_desk: Open, strategies: Any) -> None:
    class Unreadable:
        def score(self, conditions: MarketConditions, state: Callable[[], FeatureRow]) -> ModelScores:
            raise ModelError("its features are of another schema")

    desk = open_desk(strategies["says"](otherwise=1), model=Unreadable())
    await desk.autopilot.run_cycle()
    selection = desk.autopilot.record.last_decision.selection
    assert selection.decided_by is DecidedBy.RULES
    assert "its features are of another schema" in selection.note
    assert desk.orders() == [("buy", "entry", "open")]


@pytest.mark.parametrize(
    ("method", "error", "meanwhile", "later"),
    [
        ("submit", OrderRejected("too small for us"), "rejected", "filled"),
        ("submit", MarketUnavailable("in maintenance"), "new", "filled"),
        ("submit", AnswerLost("the line went dead"), "unknown", "filled"),
        ("answer", AnswerLost("the line went dead"), "unknown", "filled"),
    ],
    ids=["refused", "nobody there", "lost on its way", "answer lost"],
)
async def test_an_order_that_fails_does_not_end_the_watch(
    open_desk: Open, strategies: Any, method: str, error: Exception, meanwhile: str, later: str
) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    desk.broker.trouble[method] = error
    await desk.autopilot.run_cycle()
    assert desk.autopilot.record.state is RunState.RUNNING
    assert desk.orders() == [("buy", "entry", meanwhile)]
    desk.broker.trouble.clear()
    desk.market.at_ms += 60_000
    await desk.autopilot.run_cycle()
    await desk.hours(3)
    assert len(desk.broker.submitted) == len(set(desk.broker.submitted)), "an order was sent twice"
    assert desk.orders()[-1] == ("buy", "entry", later)
    assert len(desk.decided()) == 4


async def test_a_candle_whose_decision_cannot_be_stored_is_decided_later(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    desk.ledger.trouble = StoreUnavailable("the disk is full", hint="make room")
    for _ in range(2):
        await desk.autopilot.run_cycle()
    assert desk.autopilot.record.state is RunState.RETRYING
    assert desk.autopilot.record.message == "the disk is full"
    assert (desk.decided(), desk.orders(), desk.broker.submitted) == ([], [], [])
    desk.ledger.trouble = None
    await desk.autopilot.run_cycle()
    await desk.autopilot.run_cycle()
    assert [action for _, action, _ in desk.decided()] == ["order"]
    assert len(desk.broker.submitted) == 1


async def test_an_account_that_cannot_be_asked_leaves_the_candle_for_later(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    desk.broker.trouble["balances"] = DOWN
    await desk.autopilot.run_cycle()
    assert desk.autopilot.record.state is RunState.RETRYING
    assert desk.decided() == []
    desk.broker.trouble.clear()
    await desk.autopilot.run_cycle()
    assert [action for _, action, _ in desk.decided()] == ["order"]


@pytest.mark.parametrize("side", [1, -1], ids=["buy", "sell"])
async def test_what_was_missed_is_decided_one_by_one_and_never_traded_on(
    open_desk: Open, strategies: Any, start_ms: int, side: int
) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    if side < 0:
        await desk.hours(2)
        assert desk.orders() == [("buy", "entry", "filled")]
    else:
        desk = open_desk(strategies["says"]())
        await desk.hours(2)
    known = len(desk.decided())
    back_ms = desk.market.at_ms + 8 * HOUR_MS
    desk = open_desk(strategies["says"](otherwise=side), at_ms=back_ms)
    await desk.autopilot.run_cycle()
    missed = desk.decided()[known:]
    assert [at_ms for at_ms, *_ in missed] == [back_ms - hours * HOUR_MS for hours in range(8, 0, -1)]
    stale = [(action, code) for at_ms, action, code in missed if at_ms + HOUR_MS < back_ms - 2 * HOUR_MS]
    assert stale == [("denied", "CANDLE_STALE")] * 5
    assert len(desk.broker.submitted) == 1, "a fresh candle is traded on, and once"


async def test_entries_of_a_day_are_counted_anew_at_midnight(open_desk: Open, strategies: Any, start_ms: int) -> None:
    sides = {start_ms + hour * HOUR_MS: 1 if hour % 2 else -1 for hour in range(-1, 30)}
    desk = open_desk(strategies["says"](sides), trades_per_day=1)
    await desk.autopilot.run_cycle()
    await desk.hours(8)
    midnight = start_ms + 4 * HOUR_MS
    entered = [
        at_ms >= midnight for (at_ms,) in desk.rows("created_at_ms", "orders WHERE purpose = 'entry'", "created_at_ms")
    ]
    assert entered == [False, True], "one a day"
    codes = [(at_ms + HOUR_MS >= midnight, code) for at_ms, _, code in desk.decided() if code]
    assert (False, "TRADES_PER_DAY_REACHED") in codes
    assert (True, "TRADES_PER_DAY_REACHED") in codes


async def test_a_slow_symbol_does_not_delay_another_on_the_account(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1), symbols=("BTC/USD", "ETH/USD"))
    slow, quick = desk.autopilots["BTC/USD"], desk.autopilots["ETH/USD"]
    desk.market.hold["BTC/USD"] = asyncio.Event()
    waiting = asyncio.create_task(slow.run_cycle())
    async with asyncio.timeout(10):
        await quick.run_cycle()
        assert quick.record.decisions == 1
        assert slow.record.decisions == 0
        desk.market.hold["BTC/USD"].set()
        await waiting
    assert slow.record.decisions == 1
    assert [status for *_, status in desk.orders()] == ["open", "open"]


async def test_flattening_while_a_cycle_waits_sells_what_is_held(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](otherwise=1))
    await desk.hours(2)
    desk.market.hold["BTC/USD"] = asyncio.Event()
    waiting = asyncio.create_task(desk.autopilot.run_cycle())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert (await desk.liquidation.flatten("not sent", "BTC/USD")).sold == ["BTC/USD"]
        desk.market.hold["BTC/USD"].set()
        await waiting
    assert desk.ledger.positions("paper:moved") == ()
    assert desk.orders()[-1] == ("sell", "flatten", "filled")
