from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.arming import NO_ALLOWANCE, Allowance
from autopilot.risk.entry import EntryContext
from autopilot.risk.sizing import entry_quantity

ROOMY = {"max_position_pct": 100.0, "max_exposure_pct": 100.0, "risk_per_trade_pct": 100.0}


@pytest.mark.parametrize(
    ("changes", "asked", "stop", "quantity"),
    [
        ({"limits": ROOMY}, "7.00019", "50", "7.0001"),
        ({"limits": ROOMY | {"max_position_pct": 20.0}}, "99", "50", "20"),
        (
            {"limits": ROOMY | {"max_position_pct": 60.0, "max_exposure_pct": 60.0}, "exposure": Decimal("5500.50")},
            "99",
            "50",
            "4.9950",
        ),
        ({"limits": ROOMY, "free": Decimal("1004.50")}, "99", "50", "10.0049"),
        ({"limits": ROOMY | {"risk_per_trade_pct": 1.0}}, "99", "97", "33.3333"),
        (
            {"limits": ROOMY, "allowance": Allowance(Decimal("502.25"), unproven=True), "exposure": Decimal("100.45")},
            "99",
            "50",
            "4.0019",
        ),
    ],
    ids=["what is asked for", "the position limit", "the exposure left", "the free cash", "the risk", "the allowance"],
)
def test_the_least_of_six_bounds_decides(
    make_entry: Callable[..., EntryContext], changes: dict[str, Any], asked: str, stop: str, quantity: str
) -> None:
    assert entry_quantity(make_entry(**changes), Decimal(asked), Decimal(100), Decimal(stop)) == Decimal(quantity)


@pytest.mark.parametrize(
    "changes",
    [
        {"exposure": Decimal(6000)},
        {"exposure": Decimal(7000)},
        {"free": Decimal(0)},
        {"allowance": NO_ALLOWANCE},
        {"allowance": Allowance(Decimal(500), unproven=True), "exposure": Decimal(501)},
        {"free": Decimal(-1)},
        {"equity": Decimal(0)},
        {"equity": Decimal(-5)},
    ],
)
def test_where_nothing_is_left_nothing_is_bought(
    make_entry: Callable[..., EntryContext], changes: dict[str, Any]
) -> None:
    assert entry_quantity(make_entry(**changes), Decimal(99), Decimal(100), Decimal(95)) == 0


@pytest.mark.parametrize("stop", ["100", "101"])
def test_no_amount_bounds_the_loss_of_a_stop_that_is_not_below(
    make_entry: Callable[..., EntryContext], stop: str
) -> None:
    assert entry_quantity(make_entry(), Decimal(99), Decimal(100), Decimal(stop)) == 0


def test_a_fee_never_takes_what_is_not_there(make_entry: Callable[..., EntryContext]) -> None:
    entry = make_entry(limits=ROOMY, free=Decimal(1000))
    bought = entry_quantity(entry, Decimal(99), Decimal(100), Decimal(50)) * 100
    assert bought * (1 + entry.market.taker_fee) <= 1000 < (bought + 1) * Decimal("1.005")
