"""Every rule at, below and above its limit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.arming import NO_ALLOWANCE, Allowance
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.order import Order, Purpose, Side
from autopilot.domain.portfolio import Position, SymbolRecord
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.domain.trading_mode import Restriction, TradingMode
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.rules import (
    RULES,
    Rule,
    allowance_remains,
    candle_is_fresh,
    cooled_down,
    day_is_not_lost,
    drawdown_is_bearable,
    entries_are_on,
    exposure_left,
    no_entry_pending,
    no_losing_streak,
    no_position_yet,
    positions_left,
    price_is_near,
    proof_is_enough,
    rules_of,
)

NOW_MS = 1_714_521_600_000
FIVE_HUNDRED = Allowance(Decimal(500), unproven=False)
REAL_HOURS = ModelScope(CandleKind.REAL, Timeframe.H1)

PAUSED = Restriction("PAUSED_BY_USER", TradingMode.REDUCING, "the user paused it", NOW_MS, "autopilot resume")
HALTED = Restriction("PANIC", TradingMode.HALTED, "the user stopped it", NOW_MS, "autopilot resume")

Case = tuple[Rule, str, Mapping[str, Any], bool]


def before(hours: float) -> int:
    return NOW_MS - int(hours * HOUR_MS)


def context(**changes: Any) -> dict[str, Any]:
    return {"context": changes}


def history(**changes: Any) -> dict[str, Any]:
    return {"history": {"BTC/USD": SymbolRecord(**changes)}}


CASES: list[Case] = [
    (candle_is_fresh, "CANDLE_STALE", context(closed_at_ms=before(1.99)), True),
    (candle_is_fresh, "CANDLE_STALE", context(closed_at_ms=before(2)), True),
    (candle_is_fresh, "CANDLE_STALE", context(closed_at_ms=before(2) - 1), False),
    (price_is_near, "PRICE_DEVIATION", context(price=Decimal("101.99")), True),
    (price_is_near, "PRICE_DEVIATION", context(price=Decimal(102)), True),
    (price_is_near, "PRICE_DEVIATION", context(price=Decimal("102.01")), False),
    (price_is_near, "PRICE_DEVIATION", context(price=Decimal(98)), True),
    (price_is_near, "PRICE_DEVIATION", context(price=Decimal("97.99")), False),
    (exposure_left, "EXPOSURE_REACHED", {"exposure": Decimal("5999.99")}, True),
    (exposure_left, "EXPOSURE_REACHED", {"exposure": Decimal(6000)}, False),
    (exposure_left, "EXPOSURE_REACHED", {"exposure": Decimal("6000.01")}, False),
    (exposure_left, "EXPOSURE_REACHED", {"equity": Decimal(0)}, False),
    (entries_are_on, "TRADING_RESTRICTED", {}, True),
    (entries_are_on, "PAUSED_BY_USER", {"restrictions": (PAUSED,)}, False),
    (entries_are_on, "PANIC", {"restrictions": (PAUSED, HALTED)}, False),
    (entries_are_on, "OF_ANOTHER_KIND", {"restrictions": (replace(PAUSED, code="OF_ANOTHER_KIND"), PAUSED)}, False),
    (allowance_remains, "ARMED_VALUE_REACHED", {"allowance": FIVE_HUNDRED, "exposure": Decimal("499.99")}, True),
    (allowance_remains, "ARMED_VALUE_REACHED", {"allowance": FIVE_HUNDRED, "exposure": Decimal(500)}, False),
    (allowance_remains, "ARMED_VALUE_REACHED", {"allowance": NO_ALLOWANCE}, False),
    (proof_is_enough, "MODEL_UNPROVEN", {"allowance": FIVE_HUNDRED}, False),
    (proof_is_enough, "MODEL_UNPROVEN", {"allowance": Allowance(Decimal(500), unproven=True)}, True),
    (proof_is_enough, "MODEL_UNPROVEN", {"allowance": FIVE_HUNDRED} | context(proven_on=REAL_HOURS), True),
    *(
        (proof_is_enough, "MODEL_UNPROVEN", {"allowance": FIVE_HUNDRED} | context(proven_on=other), False)
        for kind in CandleKind
        for timeframe in Timeframe
        if (other := ModelScope(kind, timeframe)) != REAL_HOURS
    ),
    (day_is_not_lost, "DAILY_LOSS_REACHED", {"equity": Decimal("9500.01")}, True),
    (day_is_not_lost, "DAILY_LOSS_REACHED", {"equity": Decimal(9500)}, False),
    (day_is_not_lost, "DAILY_LOSS_REACHED", {"equity": Decimal(9499)}, False),
    (day_is_not_lost, "DAILY_LOSS_REACHED", {"equity": Decimal(12_000)}, True),
    (drawdown_is_bearable, "DRAWDOWN_REACHED", {"equity": Decimal("8000.01")}, True),
    (drawdown_is_bearable, "DRAWDOWN_REACHED", {"equity": Decimal(8000)}, False),
    (drawdown_is_bearable, "DRAWDOWN_REACHED", {"equity": Decimal(7999)}, False),
    (cooled_down, "COOLDOWN_ACTIVE", {}, True),
    (cooled_down, "COOLDOWN_ACTIVE", history(last_stop_loss_at_ms=before(3) + 1), False),
    (cooled_down, "COOLDOWN_ACTIVE", history(last_stop_loss_at_ms=before(3)), True),
    (cooled_down, "COOLDOWN_ACTIVE", history(last_stop_loss_at_ms=before(9)), True),
    (no_losing_streak, "LOSING_STREAK", history(consecutive_losses=2, last_loss_at_ms=before(0)), True),
    (no_losing_streak, "LOSING_STREAK", history(consecutive_losses=3, last_loss_at_ms=before(24) + 1), False),
    (no_losing_streak, "LOSING_STREAK", history(consecutive_losses=4, last_loss_at_ms=before(0)), False),
    (no_losing_streak, "LOSING_STREAK", history(consecutive_losses=3, last_loss_at_ms=before(24)), True),
]


@pytest.mark.parametrize(("rule", "code", "changes", "passes"), CASES)
def test_a_limit_is_kept_to_the_last_step(
    make_entry: Callable[..., DecisionContext], rule: Rule, code: str, changes: Mapping[str, Any], passes: bool
) -> None:
    check = rule(make_entry(**changes))
    assert (check.code, check.passed) == (code, passes)


def test_one_symbols_past_does_not_hold_another_back(make_entry: Callable[..., DecisionContext]) -> None:
    burnt = SymbolRecord(consecutive_losses=9, last_loss_at_ms=NOW_MS, last_stop_loss_at_ms=NOW_MS)
    entry = make_entry(history={"ETH/USD": burnt})
    assert cooled_down(entry).passed
    assert no_losing_streak(entry).passed


@pytest.mark.parametrize(
    ("quantity", "passes"),
    [("1", False), ("0.05", False), ("0.0499", True), ("0.0001", True)],
    ids=["a position", "just worth selling", "worth too little to sell", "dust"],
)
def test_only_a_position_that_could_be_sold_is_one(
    make_entry: Callable[..., DecisionContext], make_position: Callable[..., Position], quantity: str, passes: bool
) -> None:
    check = no_position_yet(make_entry(positions={"BTC/USD": make_position(quantity=quantity)}))
    assert (check.code, check.passed, check.actual) == ("POSITION_OPEN", passes, float(quantity))


@pytest.mark.parametrize(
    ("symbol", "changes", "passes"),
    [
        ("BTC/USD", {}, False),
        ("ETH/USD", {}, True),
        ("BTC/USD", {"side": Side.SELL, "purpose": Purpose.TAKE_PROFIT}, True),
    ],
)
def test_one_entry_at_a_time(
    make_entry: Callable[..., DecisionContext],
    make_order: Callable[..., Order],
    symbol: str,
    changes: Mapping[str, Any],
    passes: bool,
) -> None:
    check = no_entry_pending(make_entry(open_orders=(make_order(symbol, **changes),)))
    assert (check.code, check.passed) == ("ENTRY_PENDING", passes)


@pytest.mark.parametrize(
    ("held", "pending", "passes"),
    [
        (("A/USD", "B/USD", "C/USD", "D/USD"), (), True),
        (("A/USD", "B/USD", "C/USD", "D/USD", "E/USD"), (), False),
        (("A/USD", "B/USD", "C/USD", "D/USD"), ("E/USD",), False),
        (("A/USD", "B/USD", "C/USD", "D/USD"), ("D/USD",), True),
        (("A/USD", "B/USD", "C/USD", "D/USD", "BTC/USD"), (), True),
    ],
    ids=["below", "at", "a pending entry counts", "a symbol counts once", "its own is not another"],
)
def test_positions_and_entries_of_other_symbols_are_counted(
    make_entry: Callable[..., DecisionContext],
    make_position: Callable[..., Position],
    make_order: Callable[..., Order],
    held: tuple[str, ...],
    pending: tuple[str, ...],
    passes: bool,
) -> None:
    entry = make_entry(
        positions={symbol: make_position(symbol) for symbol in held},
        open_orders=tuple(make_order(symbol) for symbol in pending),
    )
    check = positions_left(entry)
    assert (check.code, check.passed, check.limit) == ("OPEN_POSITIONS_REACHED", passes, 5)


def test_every_rule_has_a_code_of_its_own_and_says_its_numbers(make_entry: Callable[..., DecisionContext]) -> None:
    checks = [rule(make_entry()) for rule in RULES]
    assert len({check.code for check in checks}) == len(RULES) == 11
    for check in checks:
        assert check.passed
        assert check.code == check.code.upper()
        assert check.actual == check.actual, "a number"
        assert check.limit >= 0
        assert check.unit
        assert check.detail


def test_only_real_money_asks_for_the_users_leave(make_entry: Callable[..., DecisionContext]) -> None:
    assert allowance_remains not in rules_of(make_entry())
    assert allowance_remains in rules_of(make_entry(allowance=NO_ALLOWANCE))
