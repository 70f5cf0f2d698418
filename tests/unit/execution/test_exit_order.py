from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from autopilot.domain.candles import Candle
from autopilot.domain.order import Purpose
from autopilot.domain.portfolio import Position
from autopilot.execution.exit_order import exit_at_price, exit_in_candle

STOP, TARGET = Purpose.STOP_LOSS, Purpose.TAKE_PROFIT


@pytest.mark.parametrize(
    ("opened", "high", "low", "close", "trigger"),
    [
        (100, 109.99, 95.01, 100, None),
        (100, 101, 95, 96, (STOP, "95")),
        (100, 110, 99, 109, (TARGET, "110")),
        (100, 110, 95, 100, (STOP, "95")),
        (93, 94, 92, 93, (STOP, "93")),
        (112, 113, 111, 112, (TARGET, "112")),
        (112, 113, 94, 95, (STOP, "95")),
    ],
    ids=[
        "neither",
        "stop",
        "target",
        "stop beats target",
        "open below stop",
        "open above target",
        "from above to below",
    ],
)
def test_a_closed_candle_triggers_at_what_the_market_paid(
    hold: Callable[..., Position],
    candle: Callable[..., Candle],
    opened: float,
    high: float,
    low: float,
    close: float,
    trigger: tuple[Purpose, str] | None,
) -> None:
    found = exit_in_candle(hold(), candle(0, opened, high, low, close))
    assert (found and (found.purpose, found.price)) == (trigger and (trigger[0], Decimal(trigger[1])))


@pytest.mark.parametrize(
    ("high", "low", "close", "purpose"),
    [(115, 99, 100, None), (115, 99, 110, TARGET), (115, 95, 100, STOP)],
    ids=["its high may be older", "its close is not", "its low led through the entry"],
)
def test_the_candle_within_which_a_position_was_opened(
    hold: Callable[..., Position],
    candle: Callable[..., Candle],
    high: float,
    low: float,
    close: float,
    purpose: Purpose | None,
) -> None:
    first = candle(0, 100, high, low, close)
    found = exit_in_candle(hold(opened_at_ms=first.open_at_ms + 3_600_000), first)
    assert (found and found.purpose) is purpose


@pytest.mark.parametrize(
    ("price", "purpose"), [("95", STOP), ("95.01", None), ("109.99", None), ("110", TARGET), ("90", STOP)]
)
def test_a_price_triggers_at_itself(hold: Callable[..., Position], price: str, purpose: Purpose | None) -> None:
    found = exit_at_price(hold(), Decimal(price))
    assert (found and (found.purpose, found.price)) == (purpose and (purpose, Decimal(price)))


def test_without_levels_nothing_is_touched(hold: Callable[..., Position], candle: Callable[..., Candle]) -> None:
    assert exit_in_candle(replace(hold(), stop=None, target=None), candle(0, 100, 1000, 1, 100)) is None
