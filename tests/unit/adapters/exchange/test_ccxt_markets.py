"""Prices and amounts on the grid of a market, held against ccxt's own rounding on its own exchanges, offline."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import ccxt
import pytest
from ccxt.base.decimal_to_precision import DECIMAL_PLACES
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.exchange.ccxt_markets import market_rules
from autopilot.domain.market import Market
from autopilot.domain.money import floor_to_step
from autopilot.domain.order import Side
from autopilot.execution.order_type import OrderSettings, choose_order_type

PRICES = st.decimals("0.00001", 1_000_000_000, places=11)
AMOUNTS = st.decimals("0.00000001", 1_000_000, places=11)
PRECISIONS = [
    ("bitfinex", {"price": 5, "amount": 8}),
    ("bithumb", {"price": 4, "amount": 4}),
    ("kraken", {"price": 0.1, "amount": 1e-8}),
    ("kraken", {"price": 0.00001, "amount": 0.0001}),
    ("kraken", {"price": 0.25, "amount": 5.0}),
    ("decimals", {"price": 2, "amount": 6}),
    ("decimals", {"price": 0, "amount": 0}),
]


def offline(name: str, precision: dict[str, float]) -> tuple[Any, Market]:
    """An exchange of ccxt that knows one market, and the market as we read it."""
    exchange = ccxt.kraken() if name == "decimals" else getattr(ccxt, name)()
    if name == "decimals":
        exchange.precisionMode = DECIMAL_PLACES
    exchange.set_markets(
        [
            exchange.safe_market_structure(
                {"id": "X", "symbol": "X/Y", "base": "X", "quote": "Y", "precision": precision}
            )
        ]
    )
    return exchange, market_rules(exchange.market("X/Y"), exchange.precisionMode)


@pytest.fixture(params=PRECISIONS, ids=lambda each: f"{each[0]} {each[1]['price']}", scope="module")
def traded(request: pytest.FixtureRequest) -> tuple[Any, Market]:
    return offline(*request.param)


def rounded(exchange: Any, price: Decimal) -> Decimal:
    """The nearest price by ccxt; 0 if that is none."""
    with localcontext():  # ccxt sets the rounding of the current one
        try:
            return Decimal(exchange.price_to_precision("X/Y", format(price, "f")))
        except ccxt.InvalidOrder:
            return Decimal(0)


def truncated(exchange: Any, amount: Decimal) -> Decimal:
    with localcontext():
        try:
            return Decimal(exchange.amount_to_precision("X/Y", format(amount, "f")))
        except ccxt.InvalidOrder:
            return Decimal(0)


@given(price=PRICES)
def test_ccxt_takes_a_price_of_the_grid_as_it_is_and_has_none_between_two(
    traded: tuple[Any, Market], price: Decimal
) -> None:
    exchange, market = traded
    below, above = market.price_below(price), market.price_above(price)
    assert below <= price <= above
    assert (rounded(exchange, below) if below else below, rounded(exchange, above)) == (below, above)
    assert rounded(exchange, price) in (below, above)


@given(amount=AMOUNTS)
def test_an_amount_is_cut_as_ccxt_cuts_it(traded: tuple[Any, Market], amount: Decimal) -> None:
    exchange, market = traded
    assert floor_to_step(amount, market.amount_step) == truncated(exchange, amount)


@given(price=st.decimals(1, 1_000_000_000, places=4))
def test_ccxt_leaves_our_limits_as_they_are(traded: tuple[Any, Market], price: Decimal) -> None:
    exchange, market = traded
    for side in Side:
        _, limit = choose_order_type(
            side, 0.5, price, is_stop_loss=False, market=market, settings=OrderSettings(limit_offset_pct=0.1)
        )
        assert limit is not None
        assert rounded(exchange, limit) == limit


@pytest.mark.parametrize(
    ("name", "precision", "price", "below", "above"),
    [
        ("bitfinex", {"price": 5, "amount": 8}, "60123.45", "60123", "60124"),
        ("bitfinex", {"price": 5, "amount": 8}, "99999.5", "99999", "100000"),
        ("bitfinex", {"price": 5, "amount": 8}, "1.23456", "1.2345", "1.2346"),
        ("bitfinex", {"price": 5, "amount": 8}, "0.0000123456", "0.00001234", "0.00001235"),
        ("bithumb", {"price": 4, "amount": 4}, "150123000", "150100000", "150200000"),
        ("bithumb", {"price": 4, "amount": 4}, "0.0123456", "0.01234", "0.01235"),
    ],
)
def test_significant_digits_by_the_price_at_hand(
    name: str, precision: dict[str, float], price: str, below: str, above: str
) -> None:
    _, market = offline(name, precision)
    assert (market.price_below(Decimal(price)), market.price_above(Decimal(price))) == (Decimal(below), Decimal(above))


def test_the_step_of_amounts_is_the_least_amount_where_none_is_stated() -> None:
    _, market = offline("bithumb", {"price": 4, "amount": 4})
    assert (market.amount_step, market.min_amount) == (Decimal("0.0001"), Decimal("0.0001"))


@pytest.mark.parametrize("precision", [{"price": None, "amount": None}, {}])
def test_missing_steps_are_the_finest(precision: dict[str, Any]) -> None:
    _, market = offline("kraken", precision)
    assert (market.price_step, market.amount_step, market.price_digits) == (Decimal("1e-8"), Decimal("1e-8"), None)
