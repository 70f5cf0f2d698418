"""When losses close positions, and when a drawdown is over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Portfolio, Position, RoundTrip
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.risk.limits import OnLimit, RiskLimits
from autopilot.risk.losses import drawdown_is_over, why_to_close

NOW_MS = 1_714_521_600_000
CLOSE = OnLimit.CLOSE_POSITIONS


def ended(at_ms: int, purpose: Purpose = Purpose.PROTECTION) -> RoundTrip:
    money = Decimal(1), Decimal(100), Decimal(90), Decimal(0), Decimal(-10)
    return RoundTrip("paper:test", "ETH/USD", "macd", None, *money, at_ms - HOUR_MS, at_ms, purpose)


@pytest.mark.parametrize(
    ("actions", "changes", "says"),
    [
        ({}, {"equity": Decimal(1)}, None),
        ({"on_daily_loss": CLOSE}, {"equity": Decimal("9500.01")}, None),
        ({"on_daily_loss": CLOSE}, {"equity": Decimal(9500)}, "5.00 % lost today, the limit is 5 %"),
        ({"on_daily_loss": CLOSE}, {"equity": Decimal(9000), "day_start_equity": Decimal(9000)}, None),
        ({"on_drawdown": CLOSE}, {"equity": Decimal(9000)}, None),
        ({"on_drawdown": CLOSE}, {"equity": Decimal("8000.01")}, None),
        (
            {"on_drawdown": CLOSE},
            {"equity": Decimal(8000)},
            "drawdown of 20.00 % from the highest equity, the limit is 20 %",
        ),
    ],
)
def test_a_loss_closes_positions_where_it_is_to(
    portfolio: Portfolio, actions: dict[str, Any], changes: dict[str, Any], says: str | None
) -> None:
    assert why_to_close(replace(portfolio, **changes), RiskLimits(**actions), "BTC/USD", NOW_MS) == says


@pytest.mark.parametrize(
    ("trip", "symbol", "follows"),
    [
        (ended(NOW_MS), "BTC/USD", True),
        (ended(NOW_MS - HOUR_MS), "BTC/USD", True),
        (ended(NOW_MS - HOUR_MS - 1), "BTC/USD", False),
        (ended(NOW_MS, Purpose.STOP_LOSS), "BTC/USD", False),
        (ended(NOW_MS), "SOL/USD", False),
    ],
    ids=["at once", "when it was opened", "before it was opened", "a stop", "nothing is held"],
)
def test_what_was_held_when_another_was_closed_follows(
    portfolio: Portfolio, make_position: Callable[..., Position], trip: RoundTrip, symbol: str, follows: bool
) -> None:
    held = replace(portfolio, positions={"BTC/USD": make_position()}, recent=(trip,))
    assert bool(why_to_close(held, RiskLimits(on_drawdown=CLOSE), symbol, NOW_MS - 2 * HOUR_MS)) is follows


def test_what_was_bought_since_long_ago_does_not_follow(
    portfolio: Portfolio, make_position: Callable[..., Position]
) -> None:
    """Dust keeps a position's beginning; what is bought on top of it later is not of that time."""
    held = replace(portfolio, positions={"BTC/USD": make_position()}, recent=(ended(NOW_MS - 1),))
    assert why_to_close(held, RiskLimits(on_drawdown=CLOSE), "BTC/USD", NOW_MS) is None


FALLEN = {"equity": Decimal(8000)}


@pytest.mark.parametrize(
    ("days", "changes", "over"),
    [
        (7, FALLEN, True),
        (0, FALLEN, False),
        (7, {"equity": Decimal("8000.01")}, False),
        (7, FALLEN | {"exposure": Decimal(80)}, False),
        (7, FALLEN | {"exposure": Decimal("79.99")}, True),
        (7, FALLEN | {"recent": (ended(NOW_MS - 7 * DAY_MS + 1),)}, False),
        (7, FALLEN | {"recent": (ended(NOW_MS - 7 * DAY_MS),)}, True),
        (7, {"equity": Decimal(0)}, False),
    ],
    ids=["over", "never by itself", "not reached", "held", "dust", "too early", "long enough", "nothing left"],
)
def test_a_drawdown_ends_after_days_with_nothing_held(
    portfolio: Portfolio, days: int, changes: dict[str, Any], over: bool
) -> None:
    limits = RiskLimits(drawdown_pause_days=days)
    assert drawdown_is_over(replace(portfolio, **changes), limits, NOW_MS) is over
