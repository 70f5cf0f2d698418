"""What the lists of orders say of each kind of order."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from orders import an_order

from autopilot.cli.render.layout import plain
from autopilot.cli.render.lists import orders_screen
from autopilot.domain.documents import document
from autopilot.domain.order import OrderType


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({"type": OrderType.MARKET, "price": None}, "  market  "),
        ({"type": OrderType.MARKET, "price": None, "trigger_price": Decimal(98)}, "  market  "),
        ({"type": OrderType.LIMIT, "price": Decimal("101.5")}, "  101.50  "),
        ({"type": OrderType.STOP, "price": None, "trigger_price": Decimal("98.25")}, "  stop 98.2500  "),
    ],
)
def test_an_order_is_listed_with_the_price_that_it_asks_for(changes: dict[str, Any], shown: str) -> None:
    order = document(an_order("one", account="live:kraken", **changes))
    _, row = plain(orders_screen({"orders": [order]}))
    assert shown in row
