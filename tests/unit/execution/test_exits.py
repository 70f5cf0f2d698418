"""Exits of a position, with every fault on the way: the first one, its rest, and the user's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.order import OrderStatus, OrderType, Purpose, Side, client_order_id
from autopilot.domain.refusal import LONGEST_PAUSE_MS
from autopilot.domain.timeframe import HOUR_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.following import FRESH_MS

START_MS = 1_714_521_600_000
S = OrderStatus


class TestExiting:
    async def test_a_stop_goes_to_market_with_the_price_that_was_touched(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.FILLED, ("s", "2", "94.95"))]
        await holding.touch_stop()
        (sent,) = holding.broker.sent
        expected = (Side.SELL, OrderType.MARKET, Purpose.STOP_LOSS, 2)
        assert (sent.side, sent.type, sent.purpose, sent.quantity) == expected
        assert (sent.trigger_price, sent.expires_at_ms, sent.strategy) == (95, None, "macd")
        await holding.touch_stop()
        assert len(holding.broker.sent) == 1, "nothing is held any more"

    async def test_a_take_profit_waits_above_for_as_long_as_it_may(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN)]
        await holding.touch_target()
        await holding.touch_target()
        (sent,) = holding.broker.sent
        assert (sent.type, sent.price, sent.trigger_price) == (OrderType.LIMIT, Decimal("110.11"), None)
        assert sent.expires_at_ms == START_MS + 3 * HOUR_MS

    async def test_a_stop_takes_the_place_of_a_take_profit_and_sells_only_what_is_left(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN), holding.report(S.OPEN)]
        await holding.touch_target()
        holding.broker.cancels = [holding.report(S.CANCELED, ("t", "0.5", "110.11"))]
        await holding.touch_stop()
        waiting, stop = holding.broker.sent
        assert holding.broker.canceled == [waiting.client_order_id]
        assert (stop.type, stop.quantity) == (OrderType.MARKET, Decimal("1.5"))
        await holding.touch_stop()
        assert len(holding.broker.sent) == 2, "one that is under way is not doubled"

    async def test_a_protection_takes_the_place_of_a_take_profit_but_not_of_a_stop(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN), holding.report(S.OPEN)]
        await holding.touch_target()
        holding.broker.cancels = [holding.report(S.CANCELED)]
        protection = ExitOrder(Purpose.PROTECTION, Decimal(99), "5.00 % lost today, the limit is 5 %")
        await holding.exit(protection)
        sent = holding.broker.sent[1]
        assert (sent.type, sent.purpose, sent.quantity) == (OrderType.MARKET, Purpose.PROTECTION, 2)
        assert (sent.reason, sent.trigger_price) == (protection.reason, 99)
        await holding.touch_stop()
        await holding.exit(protection)
        assert len(holding.broker.sent) == 2, "one that is under way is not doubled"

    async def test_nothing_is_sold_twice_when_the_take_profit_fills_first(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN)]
        await holding.touch_target()
        holding.broker.cancels = [holding.report(S.FILLED, ("t", "2", "110.11"))]
        await holding.touch_stop()
        assert len(holding.broker.sent) == 1

    @pytest.mark.parametrize("still", [S.OPEN, S.PARTIALLY_FILLED, S.CANCELED])
    async def test_nothing_is_sold_until_the_exchange_says_that_the_other_exit_is_over(
        self, holding: Any, still: OrderStatus
    ) -> None:
        holding.broker.submits = [holding.report(S.OPEN), holding.report(S.OPEN)]
        await holding.touch_target()
        untold = {"filled": Decimal(1)} if still is S.CANCELED else {}
        holding.broker.cancels = [holding.report(still, **untold)]
        with pytest.raises(AnswerLost, match="not over yet"):
            await holding.touch_stop()
        assert len(holding.broker.sent) == 1
        holding.broker.cancels = [holding.report(S.CANCELED, ("t", "1", "110.11"))]
        await holding.touch_stop()
        assert holding.broker.sent[1].quantity == 1

    @pytest.mark.parametrize("error", [MarketUnavailable("away"), AnswerLost("time-out")])
    async def test_nothing_is_sold_while_the_exchange_cannot_be_asked(self, holding: Any, error: Exception) -> None:
        holding.broker.submits = [holding.report(S.OPEN)]
        await holding.touch_target()
        holding.broker.cancels = [error, error]
        with pytest.raises(type(error)):
            await holding.touch_stop()
        assert len(holding.broker.sent) == 1

    async def test_an_exit_that_was_never_sent_ends_without_the_exchange(self, holding: Any) -> None:
        holding.broker.submits = [MarketUnavailable("away"), holding.report(S.OPEN)]
        await holding.touch_target()
        await holding.touch_stop()
        assert [order.status for order in holding.orders] == [S.EXPIRED, S.OPEN]
        assert not holding.broker.canceled

    async def test_an_entry_that_still_waits_ends_before_what_is_held_is_sold(self, scene: Any) -> None:
        scene.broker.submits = [scene.report(S.PARTIALLY_FILLED, ("a", "0.5", "99.9")), scene.report(S.OPEN)]
        await scene.enter("99.9")
        scene.broker.cancels = [scene.report(S.CANCELED, ("a", "0.5", "99.9"), ("b", "0.3", "99.9"))]
        await scene.touch_stop()
        assert scene.broker.sent[1].quantity == Decimal("0.8")

    async def test_a_stop_that_was_not_sent_is_sent_when_the_exchange_is_back_at_the_price_of_then(
        self, holding: Any
    ) -> None:
        holding.broker.submits = [MarketUnavailable("away"), MarketUnavailable("away"), holding.report(S.OPEN)]
        await holding.touch_stop()
        holding.clock.at_ms += FRESH_MS
        await holding.follow()
        holding.clock.at_ms += 10 * HOUR_MS
        await holding.follow()
        assert [order.trigger_price for order in holding.broker.sent] == [95, 95, None]
        assert len({order.client_order_id for order in holding.broker.sent}) == 1

    async def test_dust_stays(self, scene: Any) -> None:
        scene.hold("0.0005")
        await scene.touch_stop()
        await scene.flatten("100")
        assert not scene.broker.sent
        assert scene.orders == ()

    async def test_no_exit_takes_the_name_of_a_decisions(self, holding: Any) -> None:
        holding.broker.submits = [OrderRejected("no"), OrderRejected("no"), holding.report(S.OPEN)]
        await holding.flatten()
        names = [order.client_order_id for order in holding.broker.sent]
        assert len(set(names)) == 3
        assert client_order_id("paper:test", "BTC/USD", START_MS, Purpose.FLATTEN) not in names


class TestFinishing:
    async def test_what_a_take_profit_left_goes_to_market_when_its_life_is_over(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN)]
        await holding.touch_target()
        holding.clock.at_ms += 3 * HOUR_MS
        partly = ("t", "0.5", "110.11")
        holding.broker.lookups = [holding.report(S.PARTIALLY_FILLED, partly)]
        holding.broker.cancels = [holding.report(S.CANCELED, partly)]
        await holding.follow()
        holding.broker.submits = [holding.report(S.OPEN)]
        await holding.finish("108")
        await holding.finish("108")
        first, second = holding.broker.sent
        assert (second.type, second.quantity, second.purpose) == (OrderType.MARKET, Decimal("1.5"), first.purpose)
        assert second.reason == "the limit exit before it was canceled"

    async def test_a_target_touched_again_does_not_wait_again(self, holding: Any) -> None:
        holding.broker.submits = [holding.report(S.OPEN), holding.report(S.OPEN)]
        holding.broker.lookups, holding.broker.cancels = [holding.report(S.OPEN)], [holding.report(S.CANCELED)]
        await holding.touch_target()
        holding.clock.at_ms += 3 * HOUR_MS
        await holding.follow()
        await holding.touch_target()
        assert [order.type for order in holding.broker.sent] == [OrderType.LIMIT, OrderType.MARKET]

    async def test_below_the_entry_price_it_is_a_stop_loss_by_then(self, holding: Any) -> None:
        holding.broker.submits = [OrderRejected("no"), holding.report(S.OPEN)]
        await holding.touch_target()
        await holding.finish("99.99")
        assert holding.broker.sent[1].purpose is Purpose.STOP_LOSS

    async def test_a_refused_exit_is_tried_anew_each_time_and_its_past_stays_written(self, holding: Any) -> None:
        holding.broker.submits = [OrderRejected(f"refusal {number}") for number in range(4)]
        await holding.touch_stop()
        for _ in range(3):
            holding.clock.at_ms += LONGEST_PAUSE_MS
            await holding.finish("94")
        assert [order.detail for order in holding.orders] == [f"refusal {number}" for number in range(4)]

    @pytest.mark.parametrize("status", [status for status in S if status is not S.REJECTED])
    async def test_what_is_under_way_or_done_is_not_finished_again(self, holding: Any, status: OrderStatus) -> None:
        filled = Decimal(2) if status in (S.FILLED, S.CANCELED, S.EXPIRED) else Decimal(0)
        holding.ledger.save_order(holding.make_order("exit", Side.SELL, status=status, filled=filled))
        await holding.finish("94")
        assert not holding.broker.sent

    async def test_without_an_exit_there_is_nothing_to_finish(self, scene: Any) -> None:
        before_ms = scene.hold("2").opened_at_ms - 1
        earlier = scene.make_order("of an earlier position", Side.SELL, status=S.CANCELED, created_at_ms=before_ms)
        scene.ledger.save_order(earlier)
        await scene.finish("94")
        assert not scene.broker.sent

    async def test_dust_of_an_old_exit_does_not_sell_what_was_bought_since(self, scene: Any) -> None:
        scene.hold("0.0005")
        scene.ledger.save_order(
            scene.make_order("old exit", Side.SELL, "2", status=S.CANCELED, filled=Decimal("1.9995"))
        )
        scene.broker.submits = [scene.report(S.FILLED, ("a", "2", "100"))]
        await scene.enter()
        await scene.finish("101")
        assert len(scene.broker.sent) == 1
        assert scene.quantity == Decimal("2.0005")

    @pytest.mark.parametrize("known_by", ["never sent", "never arrived"])
    async def test_a_take_profit_whose_life_passed_unsent_goes_to_market(self, holding: Any, known_by: str) -> None:
        lost = known_by == "never arrived"
        failure = AnswerLost("time-out") if lost else MarketUnavailable("away")
        holding.broker.submits = [failure, holding.report(S.OPEN)]
        holding.broker.lookups = [None] if lost else []
        await holding.touch_target()
        holding.clock.at_ms += 3 * HOUR_MS
        await holding.follow()
        await holding.finish("109")
        expected = [(OrderType.LIMIT, S.EXPIRED), (OrderType.MARKET, S.OPEN)]
        assert [(order.type, order.status) for order in holding.orders] == expected


class TestFlattening:
    async def test_it_ends_what_is_open_and_sells_what_is_held_late_fills_included(self, scene: Any) -> None:
        scene.hold("1")
        scene.broker.submits = [scene.report(S.OPEN), scene.report(S.OPEN)]
        await scene.enter("99.9")
        scene.broker.cancels = [scene.report(S.CANCELED, ("a", "0.25", "99.9"))]
        await scene.flatten()
        sold = scene.broker.sent[1]
        assert (sold.purpose, sold.type, sold.quantity) == (Purpose.FLATTEN, OrderType.MARKET, Decimal("1.25"))
        assert sold.trigger_price == 98

    async def test_what_was_not_sent_is_not_sent_any_more(self, scene: Any) -> None:
        scene.broker.submits = [MarketUnavailable("away")]
        await scene.enter()
        await scene.flatten()
        (order,) = scene.orders
        assert (order.status, order.detail) == (S.EXPIRED, "not sent: the user flattened the position")

    async def test_again_at_the_same_moment_after_a_refusal_is_a_new_order(self, scene: Any) -> None:
        scene.hold("1")
        scene.broker.submits = [OrderRejected("no"), scene.report(S.FILLED, ("s", "1", "98"))]
        await scene.flatten()
        await scene.flatten()
        assert [order.status for order in scene.orders] == [S.REJECTED, S.FILLED]

    async def test_with_nothing_there_nothing_happens(self, scene: Any) -> None:
        await scene.flatten()
        assert not scene.broker.sent
