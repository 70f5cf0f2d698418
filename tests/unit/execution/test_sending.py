"""Every fault between an order and the exchange's answer, one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus
from autopilot.domain.trading_mode import ModeEntry, TradingMode

S = OrderStatus


async def test_it_is_in_the_books_before_it_is_sent(scene: Any) -> None:
    written: list[OrderStatus] = []

    async def look(order: Order, market: Market) -> OrderReport:
        known = scene.ledger.order(order.client_order_id)
        written.append(known.status if known else S.NEW)
        return replace(scene.report(S.OPEN), client_order_id=order.client_order_id)

    scene.broker.submit = look
    order = await scene.enter()
    assert written == [S.SUBMITTED]
    assert scene.ledger.order(order.client_order_id) == order
    assert (order.status, order.exchange_order_id) == (S.OPEN, "X1")


async def test_what_was_forbidden_since_it_was_decided_is_not_sent(scene: Any) -> None:
    approved = scene.approve()
    scene.modes.restrict(ModeEntry("*", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 1, "me"))
    order = await scene.desk.send(approved, scene.market)
    assert (order.status, order.detail) == (S.EXPIRED, "not sent, PAUSED_BY_USER: paused by the user")
    assert scene.broker.sent == []


@pytest.mark.parametrize(
    ("answer", "status", "words"),
    [
        (MarketUnavailable("reset before it was sent"), S.NEW, "reset before it was sent"),
        (AnswerLost("reset after it was sent"), S.UNKNOWN, "no answer: reset after it was sent"),
        (TimeoutError("30 s"), S.UNKNOWN, "no answer: 30 s"),
        (OrderRejected("insufficient funds"), S.REJECTED, "insufficient funds"),
    ],
)
async def test_what_goes_wrong_is_the_orders_status(
    scene: Any, answer: Exception, status: OrderStatus, words: str
) -> None:
    scene.broker.submits = [answer]
    order = await scene.enter()
    assert (order.status, order.detail) == (status, words)
    assert scene.ledger.order(order.client_order_id) == order
    assert scene.events.count("order") == 1


async def test_an_answer_with_fills_is_booked_at_once(scene: Any) -> None:
    scene.broker.submits = [scene.report(S.FILLED, ("a", "1.5", "100"), ("b", "0.5", "101"))]
    order = await scene.enter()
    assert (order.status, order.filled) == (S.FILLED, 2)
    assert scene.quantity == 2
    assert (scene.events.count("fill"), scene.events.count("order")) == (2, 1)
