"""An order that the exchange had accepted and does not know any more: for an hour it may be alive, or filled, and
nothing is sold beside it; then it is over."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.errors import MarketUnavailable
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.missing_orders import LOOK_COUNTS_MS, MISSED_MS
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings

ACCOUNT = "paper:test"
S = OrderStatus
STOP = ExitOrder(Purpose.STOP_LOSS, Decimal(95), "the stop at 95 was touched")
TARGET = ExitOrder(Purpose.TAKE_PROFIT, Decimal(110), "the target at 110 was touched")

Ask = Callable[[], Awaitable[Any]]
Report = Callable[..., OrderReport]


@pytest.fixture
def exits() -> ExitSettings:
    return ExitSettings(OrderSettings(stop_on_exchange=True, limit_life_candles=100), 60 * MINUTE_MS)


@pytest.fixture
def asks(desk: OrderDesk, ledger: SqliteLedger, market: Market, exits: ExitSettings) -> dict[str, Ask]:
    """Every way in which an open exit is asked about."""

    async def end() -> None:
        for order in ledger.open_orders(ACCOUNT):
            await desk.cancel_order(order, "")

    return {
        "followed": lambda: desk.follow(market),
        "reconciled": lambda: desk.reconcile(market),
        "ended": end,
        "its stop is touched": lambda: desk.exit_position(STOP, market, exits),
        "flattened": lambda: desk.flatten(Decimal(95), market, exits),
    }


@pytest.fixture
def ask_in_vain(broker: Any, report: Report) -> Callable[[Ask], Awaitable[Any]]:
    """The exchange knows nothing of any order."""

    def ask(how: Ask) -> Awaitable[Any]:
        broker.lookups, broker.cancels = [None], [report(S.EXPIRED, exchange_order_id="")]
        return how()

    return ask


async def miss_for(ms: int, clock: Any, ask: Callable[[], Awaitable[Any]]) -> None:
    """It is asked about every five minutes, for so long, and is not over then."""
    for _ in range(ms // LOOK_COUNTS_MS):
        with pytest.raises(MarketUnavailable):
            await ask()
        clock.at_ms += LOOK_COUNTS_MS


def exit_of(ledger: SqliteLedger) -> Order:
    """The take-profit, which is the first exit."""
    (row,) = ledger._database.rows("SELECT client_order_id FROM orders WHERE purpose = 'take_profit'")
    order = ledger.order(row[0])
    assert order is not None
    return order


@pytest.mark.parametrize("filled", ["0", "0.5"])
@pytest.mark.parametrize("way", ["followed", "reconciled", "ended", "its stop is touched", "flattened"])
async def test_a_lost_exit_is_over_after_an_hour_and_then_the_rest_is_sold(
    desk: OrderDesk,
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    events: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    asks: dict[str, Ask],
    ask_in_vain: Any,
    caplog: pytest.LogCaptureFixture,
    way: str,
    filled: str,
) -> None:
    hold("2")
    fills = [("t", filled, "110.11")] if filled != "0" else []
    broker.submits = [report(S.PARTIALLY_FILLED if fills else S.OPEN, *fills), report(S.FILLED, ("s", "2", "95"))]
    await desk.exit_position(TARGET, market, exits)
    for _ in range(MISSED_MS // MINUTE_MS):
        with pytest.raises(MarketUnavailable, match="does not know order"):
            await ask_in_vain(asks[way])
        assert not exit_of(ledger).status.is_final
        clock.at_ms += MINUTE_MS
    assert len(broker.sent) == 1
    told = events.count("order")
    with caplog.at_level(logging.WARNING):
        await ask_in_vain(asks[way])
    lost = exit_of(ledger)
    assert (lost.status, lost.filled) == (S.CANCELED, Decimal(filled))
    assert f"counted as canceled with {filled} filled; check the exchange's own orders" in lost.detail
    assert [record.getMessage() for record in caplog.records] == [
        f"BTC/USD: order {lost.client_order_id}: {lost.detail}"
    ]
    assert events.count("order") > told
    await desk.exit_position(STOP, market, exits)
    assert [order.quantity for order in broker.sent[1:]] == [2 - Decimal(filled)]


async def test_one_that_was_seen_meanwhile_is_missed_anew(
    desk: OrderDesk,
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    asks: dict[str, Ask],
    ask_in_vain: Any,
) -> None:
    hold("2")
    broker.submits = [report(S.OPEN)]
    await desk.exit_position(TARGET, market, exits)
    for _ in range(2):
        await miss_for(MISSED_MS, clock, lambda: ask_in_vain(asks["followed"]))
        clock.at_ms -= 1
        with pytest.raises(MarketUnavailable):
            await ask_in_vain(asks["its stop is touched"])
        broker.lookups = [report(S.OPEN)]
        await desk.follow(market)
        clock.at_ms += 1
    assert exit_of(ledger).status is S.OPEN


async def test_a_new_process_misses_it_anew(
    desk: OrderDesk,
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    events: Any,
    modes: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    asks: dict[str, Ask],
    ask_in_vain: Any,
) -> None:
    hold("2")
    broker.submits = [report(S.OPEN)]
    await desk.exit_position(TARGET, market, exits)
    await miss_for(MISSED_MS, clock, lambda: ask_in_vain(asks["followed"]))
    restarted = OrderDesk(ACCOUNT, broker, ledger, clock, events, modes)
    await miss_for(MISSED_MS, clock, lambda: ask_in_vain(lambda: restarted.follow(market)))
    await ask_in_vain(lambda: restarted.follow(market))
    assert exit_of(ledger).status is S.CANCELED


async def test_a_time_without_looks_is_no_time_in_which_it_was_missed(
    desk: OrderDesk,
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    asks: dict[str, Ask],
    ask_in_vain: Any,
) -> None:
    """A maintenance, at whose beginning and end the exchange does not show it; a suspended machine; a clock."""
    hold("2")
    broker.submits = [report(S.OPEN)]
    await desk.exit_position(TARGET, market, exits)
    for passed_ms in (MISSED_MS, 10 * MISSED_MS, -2 * MISSED_MS, MISSED_MS):
        with pytest.raises(MarketUnavailable):
            await ask_in_vain(asks["followed"])
        broker.lookups = [MarketUnavailable("in maintenance")]
        clock.at_ms += passed_ms
        with pytest.raises(MarketUnavailable):
            await desk.follow(market)
    with pytest.raises(MarketUnavailable):
        await ask_in_vain(asks["followed"])
    assert exit_of(ledger).status is S.OPEN


async def test_beside_a_lost_stop_that_rests_on_the_exchange_nothing_is_sold_for_an_hour(
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    events: Any,
    modes: Any,
    make_order: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    ask_in_vain: Any,
) -> None:
    """Also what a decision stored is not, though it waits to be sent."""
    desk = OrderDesk(ACCOUNT, broker, ledger, clock, events, modes, stops=True)
    hold("2")
    broker.submits = [report(S.OPEN), report(S.FILLED, ("s", "2", "110"))]
    await desk.protect(market, exits)
    (resting,) = ledger.open_orders(ACCOUNT)
    assert resting.type is OrderType.STOP
    decided = make_order("decided", Side.SELL, purpose=Purpose.TAKE_PROFIT, price=Decimal(110), status=S.NEW)
    ledger.save_order(decided)
    await miss_for(MISSED_MS, clock, lambda: ask_in_vain(lambda: desk.follow(market)))
    assert len(broker.sent) == 1
    await ask_in_vain(lambda: desk.follow(market))
    assert [order.client_order_id for order in broker.sent[1:]] == ["decided"]
    assert ledger.positions(ACCOUNT) == ()


async def test_what_a_lost_order_filled_unseen_counts_when_it_is_seen_again(
    desk: OrderDesk,
    broker: Any,
    ledger: SqliteLedger,
    clock: Any,
    hold: Any,
    market: Market,
    exits: ExitSettings,
    report: Report,
    asks: dict[str, Ask],
    ask_in_vain: Any,
) -> None:
    hold("2")
    broker.submits = [report(S.OPEN)]
    await desk.exit_position(TARGET, market, exits)
    await miss_for(MISSED_MS, clock, lambda: ask_in_vain(asks["followed"]))
    await ask_in_vain(asks["followed"])
    lost = exit_of(ledger)
    broker.shown = [report(S.PARTIALLY_FILLED, client_order_id=lost.client_order_id)]
    broker.cancels = [report(S.CANCELED, ("t", "0.5", "110.11"))]
    await desk.reconcile(market)
    assert broker.canceled[-1] == lost.client_order_id
    assert (exit_of(ledger).status, exit_of(ledger).filled) == (S.CANCELED, Decimal("0.5"))
    (held,) = ledger.positions(ACCOUNT)
    assert held.quantity == Decimal("1.5")
