"""An order, as plain as can be, for tests that mind only some of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from autopilot.domain.order import Order, OrderType, Purpose, Side

_PLAIN = Order(
    client_order_id="order",
    account="paper:test",
    symbol="BTC/USD",
    side=Side.BUY,
    type=OrderType.MARKET,
    purpose=Purpose.ENTRY,
    quantity=Decimal(1),
    price=None,
    reference_price=Decimal(100),
    created_at_ms=0,
    expires_at_ms=None,
    strategy="macd",
    reason="",
)


def an_order(client_order_id: str, **changes: Any) -> Order:
    """An entry at market, not sent yet, but for ``changes``."""
    return replace(_PLAIN, client_order_id=client_order_id, **changes)
