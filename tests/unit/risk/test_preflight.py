from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.market import Market
from autopilot.domain.money import floor_to_step
from autopilot.domain.portfolio import Position
from autopilot.risk.preflight import balance_check, order_checks, position_check, stop_check


@pytest.mark.parametrize(
    ("quantity", "price", "own_least", "failed"),
    [
        ("0.05", "100", "1", set()),
        ("0.0499", "100", "1", {"VALUE_BELOW_MINIMUM"}),
        ("0.001", "5000", "1", set()),
        ("0.0009", "50000", "1", {"AMOUNT_BELOW_MINIMUM"}),
        ("0", "100", "1", {"AMOUNT_BELOW_MINIMUM", "VALUE_BELOW_MINIMUM"}),
        ("0.1", "100", "10", set()),
        ("0.1", "99.99", "10", {"VALUE_BELOW_MINIMUM"}),
    ],
)
def test_an_order_has_the_least_amount_and_the_least_value(
    market: Market, quantity: str, price: str, own_least: str, failed: set[str]
) -> None:
    checks = order_checks(market, Decimal(quantity), Decimal(price), Decimal(own_least))
    assert {check.code for check in checks if not check.passed} == failed


@pytest.mark.parametrize(
    ("step", "minimum", "least"),
    [
        ("0.0001", "0.001", "0.001"),
        ("0.00001", "0.00001", "0.00001"),
        ("0.001", "0", "0.001"),
        ("0.1", "0.25", "0.3"),
        ("1", "0.1", "1"),
        ("1E-8", "0.0001", "0.0001"),
    ],
)
@given(held=st.decimals(min_value=0, max_value=3, places=9))
def test_what_is_less_than_the_least_amount_cannot_be_sold_and_the_rest_can(
    step: str, minimum: str, least: str, held: Decimal
) -> None:
    market = Market("BTC/USD", "BTC", "USD", *map(Decimal, (step, "0.01", minimum, "0", "0", "0")))
    assert market.least_amount == Decimal(least)
    amount = floor_to_step(held, market.amount_step)
    (check, _) = order_checks(market, amount, Decimal(100), Decimal(0))
    assert check.passed == (amount > 0 and amount >= market.min_amount) == (held >= market.least_amount)


@pytest.mark.parametrize(("free", "passes"), [("1002", True), ("1001.99", False), ("5000", True)])
def test_a_buy_needs_its_value_and_its_fee(market: Market, free: str, passes: bool) -> None:
    check = balance_check(market, Decimal(10), Decimal(100), Decimal(free))
    assert (check.code, check.passed, check.limit) == ("BALANCE_INSUFFICIENT", passes, 1002.0)


@pytest.mark.parametrize(
    ("held", "quantity", "code", "passes"),
    [
        ("1", "1", "POSITION_TOO_SMALL", True),
        ("1", "1.0001", "POSITION_TOO_SMALL", False),
        (None, "1", "POSITION_MISSING", False),
        (None, "0", "POSITION_MISSING", False),
    ],
)
def test_a_sale_needs_a_position_that_covers_it(
    market: Market,
    make_position: Callable[..., Position],
    held: str | None,
    quantity: str,
    code: str,
    passes: bool,
) -> None:
    position = make_position(quantity=held) if held else None
    check = position_check(market, position, Decimal(quantity))
    assert (check.code, check.passed) == (code, passes)


@pytest.mark.parametrize(("stop", "passes"), [("99.99", True), ("100", False), ("100.01", False), ("0", False)])
def test_a_stop_lies_below_the_price(market: Market, stop: str, passes: bool) -> None:
    check = stop_check(market, Decimal(stop), Decimal(100))
    assert (check.code, check.passed, check.actual, check.limit) == (
        "STOP_NOT_BELOW_PRICE",
        passes,
        float(stop),
        100.0,
    )
