"""What is held gets sold, whatever else is wrong: with the account, the market, its orders, or with us."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from loopback_exchange import Refused, Why

from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.domain.errors import ExchangeError
from autopilot.domain.order import OrderStatus, OrderType, Purpose
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings

EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), HOUR_MS)
STOP, TARGET = Decimal(29_000), Decimal(33_000)
TOUCHED = ExitOrder(Purpose.STOP_LOSS, STOP, "the stop was touched")
REACHED = ExitOrder(Purpose.TAKE_PROFIT, TARGET, "the target was reached")


async def buy(live: Any, quantity: str = "0.01") -> None:
    live.intend(OrderType.MARKET, quantity=quantity, stop=STOP, target=TARGET)
    await live.follow()


async def look(live: Any, trigger: ExitOrder, times: int = 1) -> None:
    """So many cycles, a minute apart, each of which finds the level touched."""
    for _ in range(times):
        live.clock.at_ms += MINUTE_MS
        with suppress(ExchangeError):
            await live.desk.follow(live.market)
            await live.desk.exit_position(trigger, live.market, EXITS)
            for held in live.ledger.positions(live.account):
                await live.desk.finish_exit(held, trigger.price, live.market, EXITS)


def sales(live: Any) -> list[Any]:
    return [order for order in live.exchange.orders.values() if order.side == "sell"]


async def leave_a_rest(live: Any) -> None:
    """0.00015 coins: more than the least amount, and at 33,000 worth less than the least of 5."""
    live.guard()
    await buy(live)
    await look(live, REACHED)
    (sale,) = sales(live)
    live.exchange.fill(sale, Decimal("0.00985"))
    live.clock.at_ms += 4 * HOUR_MS
    await live.follow()
    (held,) = live.ledger.positions(live.account)
    assert held.quantity == Decimal("0.00015")


async def test_who_is_short_of_coins_sells_what_is_there_and_asks_for_no_more(anywhere: Any) -> None:
    """The user withdrew a tenth."""
    await buy(anywhere)
    anywhere.exchange.balances["BTC"] -= Decimal("0.001")
    anywhere.exchange.price["BTC"] = STOP
    await look(anywhere, TOUCHED, times=20)
    assert anywhere.exchange.balances["BTC"] == 0
    rows = anywhere.database.rows("SELECT status, quantity FROM orders WHERE side = 'sell' ORDER BY rowid")
    assert [tuple(row) for row in rows] == [("rejected", "0.01"), ("filled", "0.009"), ("rejected", "0.001")]


async def test_a_purchase_that_cannot_be_asked_about_does_not_hold_up_the_sale_of_what_it_bought(live: Any) -> None:
    entry = live.intend(OrderType.LIMIT, stop=STOP, target=TARGET)
    await live.follow()
    (theirs,) = live.exchange.named(entry.client_order_id)
    live.exchange.fill(theirs, Decimal("0.006"))
    await live.follow()
    del live.exchange.orders[theirs.order_id]
    live.exchange.price["BTC"] = STOP
    live.clock.at_ms += MINUTE_MS
    with pytest.raises(ExchangeError, match="does not know order"):
        await live.desk.exit_position(TOUCHED, live.market, EXITS)
    assert live.exchange.balances["BTC"] == 0
    # What it bought unseen is sold as soon as it is seen.
    live.exchange.orders[theirs.order_id] = theirs
    live.exchange.fill(theirs, Decimal("0.003"))
    await look(live, TOUCHED, times=2)
    assert live.exchange.balances["BTC"] == 0
    assert [order.filled for order in sales(live)] == [Decimal("0.006"), Decimal("0.003")]
    live.assert_agreed()


async def test_a_small_position_is_sold_at_its_stop_whatever_our_own_least_is(binance: Any) -> None:
    await buy(binance, quantity="0.0002")
    binance.exchange.price["BTC"] = STOP
    await look(binance, TOUCHED)
    assert binance.ledger.positions(binance.account) == ()


async def test_what_an_exit_left_is_no_part_of_what_is_bought_after_it(binance: Any) -> None:
    await leave_a_rest(binance)
    binance.exchange.price["BTC"] = Decimal(30_000)
    await buy(binance)
    (held,) = binance.ledger.positions(binance.account)
    assert held.quantity == Decimal("0.01")
    (trip,) = binance.ledger.round_trips_since(binance.account, 0)
    assert (trip.written_off, trip.exit_purpose) == (Decimal("0.00015"), Purpose.TAKE_PROFIT)
    await binance.desk.protect(binance.market, EXITS)
    (stop,) = (order for order in sales(binance) if order.kind == "stop-loss")
    assert stop.quantity == Decimal("0.01")
    await look(binance, REACHED)
    assert sales(binance)[-1].quantity == Decimal("0.01")
    assert stop.status == "canceled"


async def test_what_an_exit_left_ends_no_purchase_that_waits(binance: Any) -> None:
    await leave_a_rest(binance)
    entry = binance.intend(OrderType.LIMIT, stop=STOP - 2_000, target=TARGET)
    await binance.follow()
    await look(binance, TOUCHED, times=3)
    assert binance.order(entry).status is OrderStatus.OPEN


async def holding(whole: Any) -> None:
    await whole.cycle()
    (order,) = whole.exchange.orders.values()
    whole.exchange.fill(order, order.quantity)
    await whole.cycle()
    assert whole.ledger.positions("live:kraken")


def tomorrow(whole: Any) -> int:
    """The price stays as it is; when it opens."""
    opened, _, _, _, close, *rest = whole.exchange.candles[-1]
    whole.exchange.candles.append([int(opened) + DAY_MS // 1000, close, close, close, close, *rest])
    return int(opened) * 1000 + DAY_MS


async def test_a_bug_in_what_decides_leaves_no_position_unwatched(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await holding(whole)

    def broken(*_: Any) -> Any:
        raise ZeroDivisionError("a rule that was never tried")

    monkeypatch.setattr(MarketAnalyzer, "analyze", broken)
    whole.clock.at_ms = tomorrow(whole) + MINUTE_MS
    assert "a rule that was never tried" in await whole.cycle()
    whole.move(0.5)
    await whole.cycle()
    assert whole.exchange.balances["BTC"] == 0


async def test_a_coarser_amount_step_is_known_within_a_day(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    await holding(whole)
    place = whole.exchange.place

    def strict(name: str, base: str, side: str, kind: str, amount: Decimal, price: Any) -> Any:
        if amount != amount.quantize(Decimal("0.0001")):
            raise Refused(Why.MALFORMED)
        return place(name, base, side, kind, amount, price)

    monkeypatch.setattr(whole.exchange, "place", strict)
    whole.exchange.lot_decimals = 4  # what it says of its market, read again once a day
    whole.move(0.7)
    tomorrow(whole)
    for _ in range(9):
        await whole.cycle(3 * HOUR_MS / 1000)
    assert whole.exchange.balances["BTC"] < Decimal("0.0001")
    (trip,) = whole.ledger.round_trips_since("live:kraken", 0)
    assert trip.written_off == whole.exchange.balances["BTC"]
