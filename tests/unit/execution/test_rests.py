"""What an exit leaves that cannot be sold: the round trip ends with the exit, however that ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.order import OrderReport, OrderStatus, Purpose, Side
from autopilot.domain.timeframe import HOUR_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.missing_orders import LOOK_COUNTS_MS, MISSED_MS
from autopilot.execution.order_desk import OrderDesk

ACCOUNT = "paper:test"
S = OrderStatus
STOP = ExitOrder(Purpose.STOP_LOSS, Decimal(95), "the stop at 95 was touched")
TARGET = ExitOrder(Purpose.TAKE_PROFIT, Decimal(110), "the target at 110 was touched")


@dataclass
class Scene:
    """2 BTC are held, and an exit of them sells all but ``left``."""

    desk: OrderDesk
    broker: Any
    clock: Any
    ledger: SqliteLedger
    market: Market
    exits: ExitSettings
    report: Callable[..., OrderReport]
    left: Decimal = Decimal(0)

    def sold(self, status: OrderStatus) -> OrderReport:
        return self.report(status, ("s", str(2 - self.left), "95"), at_ms=self.clock.at_ms)

    async def wait(self) -> None:
        """The exit rests on the exchange."""
        self.broker.submits = [self.report(S.OPEN)]
        await self.desk.exit_position(TARGET, self.market, self.exits)

    @property
    def held(self) -> Decimal:
        return sum((each.quantity for each in self.ledger.positions(ACCOUNT)), Decimal(0))

    @property
    def written_off(self) -> list[Decimal]:
        return [trip.written_off for trip in self.ledger.round_trips_since(ACCOUNT, 0)]


@pytest.fixture
def scene(
    desk: OrderDesk,
    broker: Any,
    clock: Any,
    ledger: SqliteLedger,
    market: Market,
    exits: ExitSettings,
    report: Any,
    hold: Any,
) -> Scene:
    hold("2")
    return Scene(desk, broker, clock, ledger, market, exits, report)


async def at_once(scene: Scene) -> None:
    scene.broker.submits = [scene.sold(S.CANCELED)]
    await scene.desk.exit_position(STOP, scene.market, scene.exits)


async def later(scene: Scene) -> None:
    await scene.wait()
    scene.broker.lookups = [scene.sold(S.PARTIALLY_FILLED)]
    await scene.desk.follow(scene.market)
    assert scene.held == scene.left, "it may sell the rest yet"
    scene.broker.lookups = [scene.sold(S.CANCELED)]
    await scene.desk.follow(scene.market)


async def when_its_life_is_over(scene: Scene) -> None:
    await scene.wait()
    scene.clock.at_ms += 3 * HOUR_MS
    scene.broker.lookups, scene.broker.cancels = [scene.report(S.OPEN)], [scene.sold(S.CANCELED)]
    await scene.desk.follow(scene.market)


async def when_a_stop_takes_its_place(scene: Scene) -> None:
    await scene.wait()
    scene.broker.cancels, scene.broker.submits = [scene.sold(S.CANCELED)], [scene.report(S.OPEN)]
    await scene.desk.exit_position(STOP, scene.market, scene.exits)


async def when_the_user_flattens(scene: Scene) -> None:
    await scene.wait()
    scene.broker.cancels, scene.broker.submits = [scene.sold(S.CANCELED)], [scene.report(S.OPEN)]
    await scene.desk.flatten(Decimal(95), scene.market, scene.exits)


async def when_it_is_lost(scene: Scene) -> None:
    await scene.wait()
    looks = MISSED_MS // LOOK_COUNTS_MS + 1
    scene.broker.lookups = [scene.sold(S.PARTIALLY_FILLED), *[None] * looks]
    for _ in range(1 + looks):
        with suppress(MarketUnavailable):
            await scene.desk.follow(scene.market)
        scene.clock.at_ms += LOOK_COUNTS_MS


async def where_the_rules_are_not_at_hand(scene: Scene) -> None:
    """As `panic` ends it; the next cycle sees to the rest."""
    await scene.wait()
    (order,) = scene.ledger.open_orders(ACCOUNT)
    scene.broker.cancels = [scene.sold(S.CANCELED)]
    await scene.desk.cancel_order(order, "")
    assert scene.held == scene.left
    await scene.desk.follow(scene.market)


@pytest.mark.parametrize(
    ("left", "stays"), [("0.00001", False), ("0.0005", False), ("0.00099", False), ("0.001", True), ("0.0011", True)]
)
@pytest.mark.parametrize(
    "ends",
    [
        at_once,
        later,
        when_its_life_is_over,
        when_a_stop_takes_its_place,
        when_the_user_flattens,
        when_it_is_lost,
        where_the_rules_are_not_at_hand,
    ],
    ids=lambda ends: ends.__name__,
)
async def test_a_round_trip_ends_when_an_exit_ends_and_the_rest_cannot_be_sold(
    scene: Scene, ends: Callable[[Scene], Awaitable[None]], left: str, stays: bool
) -> None:
    scene.left = Decimal(left)
    await ends(scene)
    for _ in range(2):
        assert (scene.held, scene.written_off) == ((scene.left, []) if stays else (0, [scene.left]))
        scene.broker.lookups = [scene.report(S.OPEN)]
        await scene.desk.follow(scene.market)


async def test_a_stop_on_the_exchange_ends_it_too_and_it_counts_as_one(
    scene: Scene, broker: Any, clock: Any, ledger: SqliteLedger, events: Any, modes: Any, market: Market
) -> None:
    desk = OrderDesk(ACCOUNT, broker, ledger, clock, events, modes, stops=True)
    exits = replace(scene.exits, orders=replace(scene.exits.orders, stop_on_exchange=True))
    broker.submits = [scene.report(S.OPEN)]
    await desk.protect(market, exits)
    scene.left, clock.at_ms = Decimal("0.0005"), clock.at_ms + HOUR_MS
    broker.lookups = [scene.sold(S.CANCELED)]
    await desk.follow(market)
    await desk.protect(market, exits)
    history = ledger.symbol_history(ACCOUNT, "BTC/USD", 0)
    assert (scene.held, scene.written_off, len(broker.sent)) == (0, [scene.left], 1)
    assert (history.last_stop_loss_at_ms, history.consecutive_losses) == (clock.at_ms, 1)


async def test_what_a_fee_in_coins_leaves_on_binance_ends_with_the_sale(
    scene: Scene, broker: Any, ledger: SqliteLedger, make_order: Any, market: Market
) -> None:
    """0.00123 bought, 0.00122877 received, 0.00122 sold."""
    market = replace(market, amount_step=Decimal("0.00001"), min_amount=Decimal("0.00001"), min_cost=Decimal(5))
    await at_once(scene)
    bought = scene.report(S.FILLED, ("b", "0.00123", "60000"))
    (fill,) = bought.fills
    entry = make_order("entry", quantity="0.00123", status=S.FILLED, created_at_ms=scene.clock.at_ms)
    paid = replace(fill, client_order_id="entry", fee=Decimal("0.00000123"), fee_currency="BTC")
    ledger.apply_fills(entry, [paid], market)
    broker.submits = [scene.report(S.FILLED, ("s", "0.00122", "61000"))]
    await scene.desk.exit_position(replace(STOP, price=Decimal(61000)), market, scene.exits)
    assert broker.sent[-1].quantity == Decimal("0.00122")
    trip = ledger.round_trips_since(ACCOUNT, 0)[-1]
    assert (scene.held, trip.written_off) == (0, Decimal("0.00000877"))
    assert trip.net == Decimal("0.00122") * 61000 - Decimal("0.1") - Decimal("0.00123") * 60000


async def test_what_was_bought_later_is_a_position_of_its_own(scene: Scene, approve: Any, broker: Any) -> None:
    scene.left = Decimal("0.0005")
    await at_once(scene)
    scene.clock.at_ms += 1
    broker.submits = [scene.report(S.FILLED, ("a", "1", "100"), at_ms=scene.clock.at_ms)]
    await scene.desk.send(approve(quantity="1"), scene.market)
    (held,) = scene.ledger.positions(ACCOUNT)
    assert (held.quantity, held.opened_at_ms) == (1, scene.clock.at_ms)


async def test_what_a_purchase_is_still_bringing_is_no_rest(
    scene: Scene, approve: Any, broker: Any, ledger: SqliteLedger
) -> None:
    await at_once(scene)
    scene.clock.at_ms += 1
    broker.submits = [scene.report(S.PARTIALLY_FILLED, ("a", "0.0004", "99.9"), at_ms=scene.clock.at_ms)]
    await scene.desk.send(approve("99.9"), scene.market)
    sale = next(order for order in broker.sent if order.side is Side.SELL)
    broker.shown = [scene.report(S.OPEN, client_order_id=sale.client_order_id)]
    broker.lookups = [scene.report(S.PARTIALLY_FILLED, ("a", "0.0004", "99.9"))]
    broker.cancels = [scene.sold(S.CANCELED)]
    await scene.desk.reconcile(scene.market)
    assert scene.held == Decimal("0.0004"), "an old exit said once more that it is over"
