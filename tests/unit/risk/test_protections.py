"""Every protection around its number, its look-back and its pause. Candles are hours; the account has 10,000 USD."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import RoundTrip, SymbolRecord
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import LowProfit, OnLimit, RecentDrawdown, RiskLimits, StopGuard
from autopilot.risk.protections import (
    few_stops_in_account,
    few_stops_in_symbol,
    protections_of,
    recent_drawdown_is_bearable,
    rested_since_exit,
    symbol_earns,
)
from autopilot.risk.rules import RULES, rules_of

NOW_MS = 1_714_521_600_000
Make = Callable[..., DecisionContext]
STOP = Purpose.STOP_LOSS


def before(hours: float) -> int:
    return NOW_MS - int(hours * HOUR_MS)


def trip(at_ms: int, net: str = "-1", symbol: str = "BTC/USD", purpose: Purpose = STOP) -> RoundTrip:
    """It cost 100 USD, so that its result in USD is that in percent."""
    prices = Decimal(100), 100 + Decimal(net)
    return RoundTrip(
        "paper:test", symbol, "macd", None, Decimal(1), *prices, Decimal(0), Decimal(net), at_ms - 1, at_ms, purpose
    )


def guarded(make: Make, recent: list[RoundTrip], **limits: Any) -> DecisionContext:
    return make(limits=limits, recent=tuple(sorted(recent, key=lambda each: each.closed_at_ms)))


SYMBOL_GUARD = {"stop_guard": StopGuard(symbol_stops=2, lookback_candles=6, pause_candles=4)}
ACCOUNT_GUARD = {"stop_guard": StopGuard(account_stops=2, lookback_candles=6, pause_candles=4)}


@pytest.mark.parametrize(
    ("recent", "count", "passes"),
    [
        ([], 0, True),
        ([trip(before(1))], 1, True),
        ([trip(before(1)), trip(before(2))], 2, False),
        ([trip(before(1)), trip(before(2)), trip(before(3))], 3, False),
        ([trip(before(1)), trip(before(7) + 1)], 2, False),
        ([trip(before(1)), trip(before(7))], 1, True),
        ([trip(before(4) + 1), trip(before(5))], 2, False),
        ([trip(before(4)), trip(before(5))], 2, True),
        ([trip(before(3)), trip(before(8))], 2, False),
        ([trip(before(1)), trip(before(1))], 2, False),
        ([trip(before(1)), trip(before(2), purpose=Purpose.TAKE_PROFIT)], 1, True),
        ([trip(before(1)), trip(before(2), purpose=Purpose.PROTECTION)], 1, True),
        ([trip(before(1)), trip(before(2), net="0")], 1, True),
        ([trip(before(1)), trip(before(2), symbol="ETH/USD")], 1, True),
    ],
    ids=[
        "none",
        "one",
        "two",
        "more",
        "just within",
        "just without",
        "the pause's last moment",
        "the pause is over",
        "the pause outlasts the look-back",
        "at the same moment",
        "a target is no stop",
        "a protection is no stop",
        "a stop without a loss",
        "another symbol's",
    ],
)
def test_stops_of_the_symbol(make_entry: Make, recent: list[RoundTrip], count: int, passes: bool) -> None:
    check = few_stops_in_symbol(guarded(make_entry, recent, **SYMBOL_GUARD))
    assert (check.code, check.actual, check.limit, check.passed) == ("SYMBOL_STOPS_REACHED", count, 2, passes)


@pytest.mark.parametrize(
    ("recent", "count", "passes"),
    [
        ([trip(before(1), symbol="ETH/USD")], 1, True),
        ([trip(before(1), symbol="ETH/USD"), trip(before(2), symbol="SOL/USD")], 2, False),
        ([trip(before(1), symbol="ETH/USD"), trip(before(2))], 2, False),
        ([trip(before(4), symbol="ETH/USD"), trip(before(5), symbol="SOL/USD")], 2, True),
    ],
)
def test_stops_of_the_account(make_entry: Make, recent: list[RoundTrip], count: int, passes: bool) -> None:
    check = few_stops_in_account(guarded(make_entry, recent, **ACCOUNT_GUARD))
    assert (check.code, check.actual, check.limit, check.passed) == ("ACCOUNT_STOPS_REACHED", count, 2, passes)


@pytest.mark.parametrize(
    ("recent", "earned", "passes"),
    [
        ([], 0.0, True),
        ([trip(before(1), "-5")], -5.0, True),
        ([trip(before(1), "0.5"), trip(before(2), "0.4")], 0.9, False),
        ([trip(before(1), "0.5"), trip(before(2), "0.5")], 1.0, True),
        ([trip(before(1), "0.5"), trip(before(7) + 1, "0.4")], 0.9, False),
        ([trip(before(1), "0.5"), trip(before(7), "0.4")], 0.5, True),
        ([trip(before(1), "9"), trip(before(2), "-1"), trip(before(3), "-1")], -2.0, False),
        ([trip(before(4), "-1"), trip(before(5), "-1")], -2.0, True),
        ([trip(before(1), "-1"), trip(before(2), "-1", symbol="ETH/USD")], -1.0, True),
    ],
    ids=[
        "none",
        "too few",
        "too little",
        "enough",
        "just within",
        "just without",
        "a gain does not end the pause",
        "the pause is over",
        "another symbol's",
    ],
)
def test_profit_of_the_symbol(make_entry: Make, recent: list[RoundTrip], earned: float, passes: bool) -> None:
    wanted = LowProfit(min_trades=2, required_pct=1.0, lookback_candles=6, pause_candles=4)
    check = symbol_earns(guarded(make_entry, recent, low_profit=wanted))
    assert (check.code, check.limit, check.passed) == ("LOW_PROFIT", 1.0, passes)
    assert check.actual == pytest.approx(earned)


@pytest.mark.parametrize(
    ("recent", "fall", "passes"),
    [
        ([], 0.0, True),
        ([trip(before(1), "-2000")], 100 * 2000 / 12000, True),
        ([trip(before(1), "-1000"), trip(before(2), "-112")], 100 * 1112 / 11112, False),
        ([trip(before(1), "-1000"), trip(before(2), "-111")], 100 * 1111 / 11111, True),
        ([trip(before(1), "-1000"), trip(before(2), "-112", symbol="ETH/USD")], 100 * 1112 / 11112, False),
        ([trip(before(1), "-112"), trip(before(2), "-1000"), trip(before(3), "900")], 100 * 1112 / 11112, False),
        ([trip(before(1), "900"), trip(before(2), "-1000"), trip(before(3), "-112")], 100 * 1112 / 10212, False),
        ([trip(before(4), "-1000"), trip(before(5), "-1000")], 100 * 2000 / 12000, True),
        ([trip(before(1), "-1000"), trip(before(7), "-1000")], 100 * 1000 / 11000, True),
    ],
    ids=[
        "none",
        "too few",
        "deep",
        "less deep",
        "of all symbols",
        "from the best",
        "a gain does not end the pause",
        "the pause is over",
        "just without",
    ],
)
def test_recent_drawdown_of_the_account(make_entry: Make, recent: list[RoundTrip], fall: float, passes: bool) -> None:
    wanted = RecentDrawdown(max_pct=10.005, min_trades=2, lookback_candles=6, pause_candles=4)
    check = recent_drawdown_is_bearable(guarded(make_entry, recent, recent_drawdown=wanted))
    assert (check.code, check.limit, check.passed) == ("RECENT_DRAWDOWN_REACHED", 10.005, passes)
    assert check.actual == pytest.approx(fall)


@pytest.mark.parametrize(
    ("left_at_ms", "passes"), [(None, True), (NOW_MS, False), (before(5) + 1, False), (before(5), True)]
)
def test_rest_after_any_exit(make_entry: Make, left_at_ms: int | None, passes: bool) -> None:
    history = {"BTC/USD": SymbolRecord(last_exit_at_ms=left_at_ms)}
    check = rested_since_exit(make_entry(limits={"exit_cooldown_candles": 5}, history=history))
    assert (check.code, check.limit, check.passed) == ("EXIT_COOLDOWN_ACTIVE", 5, passes)


def test_what_is_off_is_not_looked_at(make_entry: Make) -> None:
    assert protections_of(RiskLimits()) == ()
    assert rules_of(make_entry()) == RULES
    on = RiskLimits(
        exit_cooldown_candles=1,
        stop_guard=StopGuard(symbol_stops=1, account_stops=1),
        low_profit=LowProfit(min_trades=1),
        recent_drawdown=RecentDrawdown(max_pct=1.0),
    )
    assert len(protections_of(on)) == 5


def test_a_pause_says_what_has_passed_of_it(make_entry: Make) -> None:
    entry = guarded(make_entry, [trip(before(1)), trip(before(2))], **SYMBOL_GUARD)
    assert few_stops_in_symbol(entry).detail == (
        "2 losing stop-losses of BTC/USD within 6 candles; 2 or more pause entries;"
        " 1.0 candles since the last, the pause is 4"
    )


@pytest.mark.parametrize(
    ("limits", "reach_ms"),
    [
        ({}, 0),
        ({"exit_cooldown_candles": 9}, 0),
        ({"stop_guard": StopGuard(lookback_candles=900)}, 0),
        ({"stop_guard": StopGuard(account_stops=1, lookback_candles=6, pause_candles=4)}, 10 * HOUR_MS),
        ({"low_profit": LowProfit(min_trades=1, lookback_candles=50, pause_candles=4)}, 54 * HOUR_MS),
        ({"recent_drawdown": RecentDrawdown(max_pct=1.0, lookback_candles=1, pause_candles=1)}, 2 * HOUR_MS),
        ({"on_drawdown": OnLimit.CLOSE_POSITIONS}, HOUR_MS),
        ({"drawdown_pause_days": 3}, 3 * DAY_MS),
    ],
)
def test_the_past_is_read_as_far_as_it_is_looked_at(limits: dict[str, Any], reach_ms: int) -> None:
    assert RiskLimits(**limits).reach_ms(Timeframe.H1) == reach_ms
