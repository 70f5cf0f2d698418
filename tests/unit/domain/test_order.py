from __future__ import annotations

from decimal import Decimal
from itertools import product

import pytest
from orders import an_order

from autopilot.domain.order import IllegalOrderStep, Order, OrderStatus, Purpose, client_order_id


def order(status: OrderStatus = OrderStatus.NEW) -> Order:
    return an_order(
        "id",
        quantity=Decimal(2),
        reference_price=Decimal(1),
        created_at_ms=1,
        strategy="rsi",
        status=status,
        filled=Decimal("0.5"),
    )


@pytest.mark.parametrize(
    ("start", "end"),
    [(start, end) for start, end in product(OrderStatus, OrderStatus) if start.is_final and start is not end],
)
def test_what_is_final_stays(start: OrderStatus, end: OrderStatus) -> None:
    with pytest.raises(IllegalOrderStep, match=f"is {start} and cannot become {end}"):
        order(start).to(end, 5)


def test_nothing_is_open_before_it_was_submitted() -> None:
    with pytest.raises(IllegalOrderStep):
        order().to(OrderStatus.OPEN, 5)


def test_a_step_keeps_everything_else() -> None:
    sent = order().to(OrderStatus.SUBMITTED, 5).to(OrderStatus.OPEN, 6, exchange_order_id="X")
    assert (sent.status, sent.updated_at_ms, sent.exchange_order_id) == (OrderStatus.OPEN, 6, "X")
    assert sent.remaining == Decimal("1.5")


def test_one_intent_has_one_id() -> None:
    first = client_order_id("paper:a", "BTC/USD", 7, Purpose.ENTRY)
    assert first == client_order_id("paper:a", "BTC/USD", 7, Purpose.ENTRY)
    others = {
        client_order_id("paper:b", "BTC/USD", 7, Purpose.ENTRY),
        client_order_id("paper:a", "ETH/USD", 7, Purpose.ENTRY),
        client_order_id("paper:a", "BTC/USD", 8, Purpose.ENTRY),
        client_order_id("paper:a", "BTC/USD", 7, Purpose.STOP_LOSS),
        client_order_id("paper:a", "BTC/USD", 7, Purpose.ENTRY, attempt=1),
    }
    assert len(others) == 5
    assert first not in others
    assert len(first) == 36, "the longest that Binance takes, and Kraken's long UUID form"
