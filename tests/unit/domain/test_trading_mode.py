"""What each mode allows, and which of several reasons decides."""

from __future__ import annotations

import pytest

from autopilot.domain.order import Purpose
from autopilot.domain.trading_mode import Restriction, TradingMode, holding_back, mode_of, strictest

ACTIVE, REDUCING, HALTED = TradingMode


def restriction(mode: TradingMode, code: str = "CODE") -> Restriction:
    return Restriction(code, mode, "because", 7)


@pytest.mark.parametrize(
    ("mode", "allowed"),
    [
        (ACTIVE, {"entry", "stop_loss", "take_profit", "flatten", "protection"}),
        (REDUCING, {"stop_loss", "take_profit", "flatten", "protection"}),
        (HALTED, {"stop_loss", "flatten"}),
    ],
)
def test_each_mode_allows_less_than_the_one_before(mode: TradingMode, allowed: set[str]) -> None:
    assert {purpose.value for purpose in Purpose if mode.allows(purpose)} == allowed
    assert {purpose.value for purpose in Purpose if holding_back([restriction(mode)], purpose) is None} == allowed


def test_nothing_that_restricts_is_active() -> None:
    assert mode_of(()) is ACTIVE
    assert strictest(()) is None
    assert holding_back((), Purpose.ENTRY) is None


@pytest.mark.parametrize(
    ("modes", "effective"),
    [
        ([REDUCING], REDUCING),
        ([REDUCING, HALTED], HALTED),
        ([HALTED, REDUCING], HALTED),
        ([ACTIVE, REDUCING], REDUCING),
    ],
)
def test_the_strictest_decides_whatever_the_order(modes: list[TradingMode], effective: TradingMode) -> None:
    assert mode_of(restriction(mode) for mode in modes) is effective


def test_of_equals_the_first_is_named() -> None:
    found = holding_back([restriction(REDUCING, "FIRST"), restriction(REDUCING, "SECOND")], Purpose.ENTRY)
    assert found is not None
    assert found.code == "FIRST"
