"""An order that the exchange had accepted and does not know any more: for an hour it may be alive, or filled, and
nothing is sold beside it; then it is over."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.order import Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.exits import ExitSettings
from autopilot.execution.missing_orders import LOOK_COUNTS_MS, MISSED_MS
from autopilot.execution.order_type import OrderSettings

S = OrderStatus

Ask = Callable[[Any], Awaitable[Any]]


@pytest.fixture
def exits() -> ExitSettings:
    return ExitSettings(OrderSettings(stop_on_exchange=True, limit_life_candles=100), 60 * MINUTE_MS)


async def cancel_all(scene: Any) -> None:
    for order in scene.ledger.open_orders("paper:test"):
        await scene.desk.cancel_order(order, "")


ASKS: dict[str, Ask] = {
    "followed": lambda scene: scene.follow(),
    "reconciled": lambda scene: scene.desk.reconcile(scene.market),
    "canceled": cancel_all,
    "its stop is touched": lambda scene: scene.touch_stop(),
    "flattened": lambda scene: scene.flatten("95"),
}
"""Every way in which an open exit is asked about."""


def ask_in_vain(scene: Any, way: str = "followed") -> Awaitable[Any]:
    """The exchange knows nothing of any order."""
    scene.broker.lookups, scene.broker.cancels = [None], [scene.report(S.EXPIRED, exchange_order_id="")]
    return ASKS[way](scene)


async def miss_for(ms: int, scene: Any) -> None:
    """It is asked about every five minutes, for so long, and is not over then."""
    for _ in range(ms // LOOK_COUNTS_MS):
        with pytest.raises(MarketUnavailable):
            await ask_in_vain(scene)
        scene.clock.at_ms += LOOK_COUNTS_MS


def exit_of(scene: Any) -> Order:
    """The take-profit, which is the first exit."""
    return next(order for order in scene.orders if order.purpose is Purpose.TAKE_PROFIT)


@pytest.fixture
async def waiting(holding: Any) -> Any:
    """2 BTC are held, and a take-profit for them rests on the exchange."""
    holding.broker.submits = [holding.report(S.OPEN)]
    await holding.touch_target()
    return holding


@pytest.mark.parametrize("filled", ["0", "0.5"])
@pytest.mark.parametrize("way", list(ASKS))
async def test_a_lost_exit_is_over_after_an_hour_and_then_the_rest_is_sold(
    holding: Any, caplog: pytest.LogCaptureFixture, way: str, filled: str
) -> None:
    fills = [("t", filled, "110.11")] if filled != "0" else []
    accepted = holding.report(S.PARTIALLY_FILLED if fills else S.OPEN, *fills)
    holding.broker.submits = [accepted, holding.report(S.FILLED, ("s", "2", "95"))]
    await holding.touch_target()
    for _ in range(MISSED_MS // MINUTE_MS):
        with pytest.raises(MarketUnavailable, match="does not know order"):
            await ask_in_vain(holding, way)
        assert not exit_of(holding).status.is_final
        holding.clock.at_ms += MINUTE_MS
    assert len(holding.broker.sent) == 1
    published = holding.events.count("order")
    with caplog.at_level(logging.WARNING):
        await ask_in_vain(holding, way)
    lost = exit_of(holding)
    assert (lost.status, lost.filled) == (S.CANCELED, Decimal(filled))
    assert f"counted as canceled with {filled} filled; check the exchange's own orders" in lost.detail
    assert [record.getMessage() for record in caplog.records] == [
        f"BTC/USD: order {lost.client_order_id}: {lost.detail}"
    ]
    assert holding.events.count("order") > published
    await holding.touch_stop()
    assert [order.quantity for order in holding.broker.sent[1:]] == [2 - Decimal(filled)]


async def test_one_that_was_seen_meanwhile_is_missed_anew(waiting: Any) -> None:
    for _ in range(2):
        await miss_for(MISSED_MS, waiting)
        waiting.clock.at_ms -= 1
        with pytest.raises(MarketUnavailable):
            await ask_in_vain(waiting, "its stop is touched")
        waiting.broker.lookups = [waiting.report(S.OPEN)]
        await waiting.follow()
        waiting.clock.at_ms += 1
    assert exit_of(waiting).status is S.OPEN


async def test_a_new_process_misses_it_anew(waiting: Any) -> None:
    await miss_for(MISSED_MS, waiting)
    waiting.restart()
    await miss_for(MISSED_MS, waiting)
    await ask_in_vain(waiting)
    assert exit_of(waiting).status is S.CANCELED


async def test_a_time_without_looks_is_no_time_in_which_it_was_missed(waiting: Any) -> None:
    """A maintenance, at whose beginning and end the exchange does not show it; a suspended machine; a clock."""
    for passed_ms in (MISSED_MS, 10 * MISSED_MS, -2 * MISSED_MS, MISSED_MS):
        with pytest.raises(MarketUnavailable):
            await ask_in_vain(waiting)
        waiting.broker.lookups = [MarketUnavailable("in maintenance")]
        waiting.clock.at_ms += passed_ms
        with pytest.raises(MarketUnavailable):
            await waiting.follow()
    with pytest.raises(MarketUnavailable):
        await ask_in_vain(waiting)
    assert exit_of(waiting).status is S.OPEN


async def test_beside_a_lost_stop_that_rests_on_the_exchange_nothing_is_sold_for_an_hour(holding: Any) -> None:
    """Also what a decision stored is not, though it waits to be sent."""
    holding.restart(stops=True)
    holding.broker.submits = [holding.report(S.OPEN), holding.report(S.FILLED, ("s", "2", "110"))]
    await holding.desk.protect(holding.market, holding.exits)
    (resting,) = holding.ledger.open_orders("paper:test")
    assert resting.type is OrderType.STOP
    holding.ledger.save_order(
        holding.make_order("decided", Side.SELL, purpose=Purpose.TAKE_PROFIT, price=Decimal(110), status=S.NEW)
    )
    await miss_for(MISSED_MS, holding)
    assert len(holding.broker.sent) == 1
    await ask_in_vain(holding)
    assert [order.client_order_id for order in holding.broker.sent[1:]] == ["decided"]
    assert holding.ledger.positions("paper:test") == ()


async def test_what_a_lost_order_filled_unseen_counts_when_it_is_seen_again(waiting: Any) -> None:
    await miss_for(MISSED_MS, waiting)
    await ask_in_vain(waiting)
    lost = exit_of(waiting)
    waiting.broker.shown = [waiting.report(S.PARTIALLY_FILLED, client_order_id=lost.client_order_id)]
    waiting.broker.cancels = [waiting.report(S.CANCELED, ("t", "0.5", "110.11"))]
    await waiting.desk.reconcile(waiting.market)
    assert waiting.broker.canceled[-1] == lost.client_order_id
    assert (exit_of(waiting).status, exit_of(waiting).filled) == (S.CANCELED, Decimal("0.5"))
    (held,) = waiting.ledger.positions("paper:test")
    assert held.quantity == Decimal("1.5")
