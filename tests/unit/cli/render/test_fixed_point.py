"""Decimal arithmetic on integers, beside the standard library's own."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.cli.render.fixed_point import fixed, grouped, minus, rounded, times

numbers = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=8).map(str),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.integers(-(10**12), 10**12),
    st.sampled_from(["0E-8", "1E+3", "-1.5e-07", "+2.50", ".5", "0.125", "0.135", "-0.005"]),
)


def shown(number: Decimal) -> str:
    """Zero has no sign."""
    return f"{number or abs(number):,f}"


@given(numbers)
def test_a_number_is_read_as_it_is_written(value: str | float) -> None:
    number = Decimal(str(value))
    units, decimals = fixed(value)
    assert Decimal(units).scaleb(-decimals) == number
    assert grouped(fixed(value)) == shown(number)


@given(numbers, st.integers(0, 10))
def test_half_is_rounded_to_even(value: str | float, decimals: int) -> None:
    with localcontext(prec=60):
        expected = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_EVEN)
        assert grouped(rounded(fixed(value), decimals)) == shown(expected)


@given(numbers, numbers, numbers)
def test_a_gain_is_exact(quantity: str | float, price: str | float, cost: str | float) -> None:
    with localcontext(prec=80):
        expected = Decimal(str(quantity)) * Decimal(str(price)) - Decimal(str(cost))
        units, decimals = minus(times(fixed(quantity), fixed(price)), fixed(cost))
        assert Decimal(units).scaleb(-decimals) == expected


@pytest.mark.parametrize("text", ["", "NaN", "one", "1.2.3", "--1"])
def test_a_text_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid literal"):
        fixed(text)
