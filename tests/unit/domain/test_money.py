from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.money import ceil_to_step, floor_to_step, round_to_step, to_decimal

amounts = st.decimals(min_value=0, max_value=10**9, allow_nan=False, allow_infinity=False, places=9)
steps = st.sampled_from([Decimal("0.00000001"), Decimal("0.1"), Decimal("0.05"), Decimal(1), Decimal("2.5")])


@given(amount=amounts, step=steps)
def test_rounding_keeps_to_the_grid_and_to_its_side(amount: Decimal, step: Decimal) -> None:
    low, near, high = floor_to_step(amount, step), round_to_step(amount, step), ceil_to_step(amount, step)
    assert all(value % step == 0 for value in (low, near, high))
    assert low <= amount <= high
    assert high - low in (0, step)
    assert near in (low, high)
    assert abs(near - amount) <= step / 2


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, "NaN", Decimal("Infinity")])
def test_what_is_no_number_is_no_amount(value: float | str | Decimal) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        to_decimal(value)


def test_a_float_becomes_the_decimal_it_reads_as() -> None:
    assert to_decimal(0.1) == Decimal("0.1")
