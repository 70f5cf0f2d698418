"""`autopilot exit` with real money: a part or all of a position whose stop rests on the exchange is sold once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from fake_event_sink import FakeEventSink
from kraken_exchange import API_KEY, SECRET
from loopback_exchange import LoopbackOrder

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.app.trading.accounts import AccountOpener
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.order import OrderType
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.engine.liquidation import ExitResult, Liquidation
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.restrictions import Restrictions

BTC, ACCOUNT = "BTC/USD", "live:kraken"
HELD, PART = Decimal("0.01"), Decimal("0.004")
STOP = Decimal(29_000)
EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), 60 * MINUTE_MS)


class Seller:
    """A user with a position of `HELD` and its stop on the exchange."""

    def __init__(self, live: Any, liquidation: Liquidation) -> None:
        self.live, self.theirs, self._liquidation = live, live.exchange, liquidation

    async def exit(self, quantity: Decimal | None = None) -> ExitResult:
        self.live.clock.at_ms += MINUTE_MS
        return await self._liquidation.exit(BTC, quantity)

    def stops(self, status: str = "open") -> list[LoopbackOrder]:
        return [each for each in self.theirs.orders.values() if (each.kind, each.status) == ("stop-loss", status)]

    def sold(self) -> Decimal:
        return sum((each.filled for each in self.theirs.orders.values() if each.side == "sell"), Decimal(0))


@pytest.fixture
async def seller(live: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Seller]:
    for each in (WallClock, SteadyClock):
        monkeypatch.setattr(each, "now_ms", lambda _: live.clock.at_ms)
    live.guard()
    live.intend(OrderType.MARKET, stop=STOP, target=Decimal(33_000))
    await live.follow()
    live.clock.at_ms += MINUTE_MS
    await live.desk.protect(live.market, EXITS)
    config = AutopilotConfig.of({"exchange": "kraken", "orders": {"stop_on_exchange": True}})
    keys = ExchangeKeys(API_KEY, SECRET)
    opener = AccountOpener(config, live.database, FakeEventSink(), Restrictions(), keys=lambda _: keys)  # type: ignore[arg-type]
    opened = opener.open(ACCOUNT)
    made = Seller(live, opened.liquidation)
    (stop,) = made.stops()
    assert (stop.quantity, made.theirs.balances["BTC"]) == (HELD, HELD)
    yield made
    await opened.close()


async def test_a_part_is_sold_and_the_stop_covers_the_rest(seller: Seller) -> None:
    result = await seller.exit(PART)
    assert (result.denied, result.sold, result.outcome.left) == (None, PART, [])
    (stop,) = seller.stops()
    assert (stop.quantity, stop.price, seller.theirs.balances["BTC"]) == (HELD - PART, STOP, HELD - PART)
    assert len(seller.stops("canceled")) == 1
    again = await seller.exit(HELD - PART)
    assert (again.sold, again.position, seller.stops(), seller.sold()) == (HELD - PART, None, [], HELD)
    seller.live.assert_agreed()


async def test_all_of_it_is_sold_and_no_stop_stays(seller: Seller) -> None:
    result = await seller.exit()
    assert (result.sold, result.position, seller.stops()) == (HELD, None, [])
    assert (seller.sold(), seller.theirs.balances["BTC"]) == (HELD, 0)
    seller.live.assert_agreed()


@pytest.mark.parametrize("sold_before", ["0.002", "0.004", "0.007", "0.01"])
async def test_what_the_stop_sold_meanwhile_counts(seller: Seller, sold_before: str) -> None:
    (stop,) = seller.stops()
    seller.theirs.fill(stop, Decimal(sold_before), STOP)
    result = await seller.exit(PART)
    wanted = max(PART, Decimal(sold_before))
    assert (seller.sold(), result.sold) == (wanted, wanted)
    assert seller.theirs.balances["BTC"] == HELD - wanted
    if Decimal(sold_before) < PART:
        (again,) = seller.stops()
        assert again.quantity == HELD - PART
    elif result.position:
        # The stop was touched: that exit is finished, as after any stop that was interrupted.
        await seller.live.desk.finish_exit(result.position, STOP, seller.live.market, EXITS)
        assert (seller.stops(), seller.theirs.balances["BTC"]) == ([], 0)
    seller.live.assert_agreed()


@pytest.mark.parametrize("fault", ["reset before", "500 before", "reset after", "502 after"])
async def test_out_of_reach_nothing_is_sold_and_it_is_said_until_it_answers(seller: Seller, fault: str) -> None:
    seller.theirs.outage = fault
    result = await seller.exit(PART)
    assert result.outcome.left
    assert seller.sold() == 0
    seller.theirs.outage = ""
    await seller.live.reconcile()
    # A connection that was kept from the outage may fail once more, which is said as well.
    for _ in range(2):
        result = await seller.exit()
        if not result.outcome.left:
            break
    assert result.position is None
    assert (seller.sold(), seller.theirs.balances["BTC"]) == (HELD, 0)
    seller.live.assert_agreed()


async def test_a_quantity_that_is_denied_touches_nothing(seller: Seller) -> None:
    before = dict(seller.theirs.orders)
    for quantity in (HELD * 2, HELD - Decimal("0.00001"), Decimal("0.00001")):
        assert (await seller.exit(quantity)).denied
    assert (seller.theirs.orders, len(seller.stops())) == (before, 1)
