"""Every fault between the exchange's first answer and the end of an order, one at a time."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.errors import AnswerLost, MarketUnavailable
from autopilot.domain.order import OrderStatus, Side
from autopilot.domain.timeframe import HOUR_MS
from autopilot.execution.following import FRESH_MS

START_MS = 1_714_521_600_000
S = OrderStatus


async def test_after_a_lost_answer_it_is_asked_about_and_never_sent_again(scene: Any) -> None:
    scene.broker.submits = [AnswerLost("time-out")]
    order = await scene.enter()
    scene.broker.lookups = [MarketUnavailable("still away"), scene.report(S.FILLED, ("a", "2", "100"))]
    with pytest.raises(MarketUnavailable):
        await scene.follow()
    assert scene.ledger.order(order.client_order_id) == order
    await scene.follow()
    assert (len(scene.broker.sent), scene.quantity) == (1, 2)
    await scene.follow()
    assert len(scene.broker.asked) == 2, "what is over is asked about no more"


async def test_what_never_arrived_is_sent_again_under_the_same_name(scene: Any) -> None:
    scene.broker.submits = [AnswerLost("time-out"), scene.report(S.OPEN)]
    scene.broker.lookups = [None]
    await scene.enter()
    await scene.follow()
    first, second = scene.broker.sent
    assert first.client_order_id == second.client_order_id
    (order,) = scene.orders
    assert (order.status, order.detail) == (S.OPEN, "")


async def test_an_accepted_order_that_the_exchange_forgot_for_a_moment_stays_open(scene: Any) -> None:
    scene.broker.submits = [scene.report(S.OPEN)]
    scene.broker.lookups = [None, scene.report(S.FILLED, ("a", "2", "100"))]
    await scene.enter()
    with pytest.raises(MarketUnavailable, match="which it had accepted"):
        await scene.follow()
    assert [order.status for order in scene.orders] == [S.OPEN]
    await scene.follow()
    assert [order.status for order in scene.orders] == [S.FILLED]
    assert len(scene.broker.sent) == 1


async def test_taken_up_again_what_was_made_later_waits_and_nothing_ends(scene: Any) -> None:
    later = scene.make_order("later", side=Side.SELL, created_at_ms=START_MS + HOUR_MS)
    over = scene.make_order("over", price=Decimal(99), expires_at_ms=START_MS, status=S.OPEN)
    for order in (later, over):
        scene.ledger.save_order(order)
    scene.broker.lookups = [scene.report(S.OPEN)]
    scene.broker.shown = [scene.report(S.OPEN, client_order_id="over")]
    assert not (await scene.desk.reconcile(scene.market)).words
    assert (scene.broker.asked, scene.broker.canceled, scene.broker.sent) == (["over"], [], [])
    assert scene.ledger.order("later") == later


async def test_what_is_over_here_and_open_there_is_canceled(scene: Any) -> None:
    scene.ledger.save_order(scene.make_order("undead", status=S.EXPIRED))
    scene.broker.shown = [scene.report(S.OPEN, client_order_id=name) for name in ("undead", "by hand")]
    scene.broker.cancels = [scene.report(S.CANCELED)]
    found = await scene.desk.reconcile(scene.market)
    assert scene.broker.canceled == ["undead"]
    assert len(found.words) == 2


@pytest.mark.parametrize(("late_ms", "status"), [(FRESH_MS, S.OPEN), (FRESH_MS + 1, S.EXPIRED)])
async def test_an_entry_that_was_never_sent_is_history_after_two_minutes(
    scene: Any, late_ms: int, status: OrderStatus
) -> None:
    scene.broker.submits = [MarketUnavailable("away"), scene.report(S.OPEN)]
    await scene.enter()
    scene.clock.at_ms += late_ms
    await scene.follow()
    (order,) = scene.orders
    assert order.status is status


async def test_a_crash_while_sending_is_a_lost_answer(scene: Any) -> None:
    scene.broker.submits = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        await scene.enter()
    scene.broker.lookups = [scene.report(S.FILLED, ("a", "2", "100"))]
    await scene.follow()
    assert (len(scene.broker.sent), scene.quantity) == (1, 2)


async def test_words_that_come_twice_late_and_in_any_order_count_once(scene: Any) -> None:
    one, two = ("a", "0.5", "100"), ("b", "0.7", "100")
    scene.broker.submits = [scene.report(S.OPEN, at_ms=START_MS)]
    scene.broker.lookups = [
        scene.report(S.PARTIALLY_FILLED, one, two, at_ms=START_MS + 2),
        scene.report(S.PARTIALLY_FILLED, one, two, at_ms=START_MS + 2),
        scene.report(S.PARTIALLY_FILLED, one, at_ms=START_MS + 1),
        scene.report(S.OPEN, at_ms=START_MS),
    ]
    await scene.enter("99.9")
    for _ in range(4):
        await scene.follow()
        (order,) = scene.orders
        assert (order.status, order.filled) == (S.PARTIALLY_FILLED, Decimal("1.2"))
        assert order.updated_at_ms == START_MS + 2
        assert scene.quantity == Decimal("1.2")
    assert scene.events.count("fill") == 2


async def test_an_end_whose_fills_are_not_told_yet_is_no_end(scene: Any) -> None:
    part, rest = ("a", "0.5", "100"), ("b", "1.5", "100")
    scene.broker.submits = [scene.report(S.OPEN)]
    scene.broker.lookups = [scene.report(S.FILLED, part, filled=Decimal(2)), scene.report(S.FILLED, part, rest)]
    await scene.enter()
    await scene.follow()
    (order,) = scene.orders
    assert (order.status, order.filled) == (S.OPEN, Decimal("0.5"))
    await scene.follow()
    (order,) = scene.orders
    assert (order.status, scene.quantity) == (S.FILLED, 2)


async def test_an_entry_that_outlived_its_life_is_canceled_and_dropped(scene: Any) -> None:
    scene.broker.submits = [scene.report(S.OPEN)]
    await scene.enter("99.9")
    scene.broker.lookups = [scene.report(S.OPEN)]
    scene.clock.at_ms += 3 * HOUR_MS - 1
    await scene.follow()
    assert not scene.broker.canceled
    scene.clock.at_ms += 1
    scene.broker.lookups, scene.broker.cancels = [scene.report(S.OPEN)], [scene.report(S.CANCELED)]
    await scene.follow()
    (order,) = scene.orders
    assert order.status is S.CANCELED


async def test_a_fill_between_a_cancellation_and_its_answer_counts(scene: Any) -> None:
    scene.broker.submits, scene.broker.lookups = [scene.report(S.OPEN)], [scene.report(S.OPEN)]
    scene.broker.cancels = [scene.report(S.FILLED, ("a", "2", "99.9"))]
    await scene.enter("99.9")
    scene.clock.at_ms += 3 * HOUR_MS
    await scene.follow()
    assert scene.quantity == 2


async def test_a_cancellation_without_an_answer_is_repeated(scene: Any) -> None:
    scene.broker.submits, scene.broker.lookups = [scene.report(S.OPEN)], [scene.report(S.OPEN)]
    scene.broker.cancels = [AnswerLost("time-out"), scene.report(S.CANCELED, ("a", "0.5", "99.9"))]
    await scene.enter("99.9")
    scene.clock.at_ms += 3 * HOUR_MS
    await scene.follow()
    (order,) = scene.orders
    assert (order.status, order.filled) == (S.CANCELED, Decimal("0.5"))
    assert len(scene.broker.canceled) == 2


async def test_one_order_that_cannot_be_asked_about_does_not_keep_others_waiting(scene: Any) -> None:
    scene.ledger.save_order(scene.make_order("1", status=S.UNKNOWN))
    scene.ledger.save_order(scene.make_order("2", status=S.OPEN))
    scene.broker.lookups = [MarketUnavailable("unknown order"), scene.report(S.FILLED, ("a", "2", "100"))]
    with pytest.raises(MarketUnavailable, match="unknown order"):
        await scene.follow()
    assert scene.quantity == 2


async def test_orders_of_other_markets_are_left_to_their_own(scene: Any) -> None:
    scene.ledger.save_order(scene.make_order("1", symbol="ETH/USD", status=S.OPEN))
    await scene.follow()
    assert not scene.broker.asked
