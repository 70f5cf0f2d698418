from __future__ import annotations

from decimal import Decimal

import pytest

from autopilot.domain.market import Market
from autopilot.domain.order import OrderType, Purpose, Side
from autopilot.execution.order_type import OrderSettings, choose_order_type, exit_purpose

BUY, SELL = Side.BUY, Side.SELL


@pytest.mark.parametrize(
    ("side", "strength", "is_stop_loss", "limit"),
    [
        (BUY, 0.81, False, None),
        (BUY, 0.8000001, False, None),
        (BUY, 0.80, False, "99.90"),
        (BUY, 0.1, False, "99.90"),
        (SELL, 0.81, False, None),
        (SELL, 0.80, False, "100.10"),
        (SELL, 0.0, False, "100.10"),
        (SELL, 0.0, True, None),
        (SELL, 0.9, True, None),
    ],
)
def test_the_table_of_the_design(
    market: Market, side: Side, strength: float, is_stop_loss: bool, limit: str | None
) -> None:
    chosen = choose_order_type(
        side, strength, Decimal(100), is_stop_loss=is_stop_loss, market=market, settings=OrderSettings()
    )
    assert chosen == ((OrderType.LIMIT, Decimal(limit)) if limit else (OrderType.MARKET, None))


@pytest.mark.parametrize(
    ("side", "price", "limit"),
    [
        (BUY, "100.07", "99.96"),
        (SELL, "100.07", "100.18"),
        (BUY, "0.01", "0.01"),
        (SELL, "0.01", "0.02"),
    ],
)
def test_a_limit_lies_on_the_grid_and_never_on_the_worse_side(
    market: Market, side: Side, price: str, limit: str
) -> None:
    _, chosen = choose_order_type(
        side, 0.5, Decimal(price), is_stop_loss=False, market=market, settings=OrderSettings()
    )
    assert chosen == Decimal(limit)


@pytest.mark.parametrize(
    ("price", "purpose"),
    [("99.99", Purpose.STOP_LOSS), ("100", Purpose.TAKE_PROFIT), ("100.01", Purpose.TAKE_PROFIT)],
)
def test_a_sale_below_the_entry_price_is_a_stop_loss(price: str, purpose: Purpose) -> None:
    assert exit_purpose(Decimal(price), Decimal(100)) is purpose
