"""`autopilot panic` for real money: a position whose stop rests on the exchange is sold once, or it is said why not."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from kraken_exchange import API_KEY, SECRET
from loopback_exchange import LoopbackOrder

from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.app.trading import without_daemon as alone
from autopilot.cli.render.layout import plain
from autopilot.cli.render.trading import panic_screen
from autopilot.config.paths import find_paths
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.order import OrderType
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings

ACCOUNT = "live:kraken"
HELD = Decimal("0.01")
EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), 60 * MINUTE_MS)


class Holder:
    """Who holds a position with a stop on the exchange, and panics. ``theirs``: what the exchange knows of us."""

    def __init__(self, live: Any, directory: Path) -> None:
        self.theirs, self.live, self._paths = live.exchange, live, find_paths(None, directory, {})

    async def buy(self) -> LoopbackOrder:
        """The stop of what was bought."""
        self.live.guard()
        self.live.intend(OrderType.MARKET, stop=Decimal(29_000), target=Decimal(33_000))
        await self.live.follow()
        self.live.clock.at_ms += MINUTE_MS
        await self.live.desk.protect(self.live.market, EXITS)
        (stop,) = (each for each in self.theirs.orders.values() if each.kind == "stop-loss")
        assert (stop.status, stop.quantity, self.theirs.balances["BTC"]) == ("open", HELD, HELD)
        return stop

    async def panic(self, *, flatten: bool = True) -> Any:
        self.live.clock.at_ms += MINUTE_MS
        told = await alone.panic(self._paths, lambda _: ExchangeKeys(API_KEY, SECRET), flatten=flatten)
        assert (told["now"], [each["account"] for each in told["accounts"]]) == ("halted", [ACCOUNT])
        return told

    def sales(self) -> list[LoopbackOrder]:
        return [each for each in self.theirs.orders.values() if (each.side, each.kind) == ("sell", "market")]

    def assert_sold_once(self) -> None:
        (sale,) = self.sales()
        assert (sale.status, sale.filled, self.theirs.balances["BTC"]) == ("closed", HELD, 0)
        assert not [each for each in self.theirs.orders.values() if each.status == "open"]
        assert (self.live.ledger.positions(ACCOUNT), self.live.ledger.busy_accounts()) == ((), ())
        self.live.assert_agreed()


@pytest.fixture
def holder(live: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Holder:
    for each in (WallClock, SteadyClock):
        monkeypatch.setattr(each, "now_ms", lambda _: live.clock.at_ms)
    return Holder(live, tmp_path)


async def test_the_stop_is_canceled_and_all_is_sold_at_market_once(holder: Holder) -> None:
    stop = await holder.buy()
    told = await holder.panic()
    (account,) = told["accounts"]
    assert told["complete"]
    assert [(each["type"], each["status"]) for each in account["canceled"]] == [("stop", "canceled")]
    assert (account["sold"], account["left"], stop.status) == (["BTC/USD"], [], "canceled")
    holder.assert_sold_once()


async def test_without_flatten_the_stop_rests_on(holder: Holder) -> None:
    stop = await holder.buy()
    told = await holder.panic(flatten=False)
    (account,) = told["accounts"]
    assert (told["complete"], account["kept"], account["canceled"]) == (True, ["BTC/USD"], [])
    assert (stop.status, holder.sales(), holder.theirs.balances["BTC"]) == ("open", [], HELD)


@pytest.mark.parametrize("sold_before", ["0.004", "0.01"])
async def test_what_the_stop_sold_meanwhile_is_not_sold_again(holder: Holder, sold_before: str) -> None:
    stop = await holder.buy()
    holder.theirs.fill(stop, Decimal(sold_before))
    told = await holder.panic()
    assert (told["complete"], told["accounts"][0]["sold"][:1]) == (True, ["BTC/USD"][: sold_before == "0.004"])
    assert sum(each.filled for each in holder.sales()) == HELD - Decimal(sold_before)
    assert holder.theirs.balances["BTC"] == 0
    holder.live.assert_agreed()


@pytest.mark.parametrize("fault", ["reset before", "500 before", "reset after", "502 after"])
async def test_out_of_reach_nothing_is_sold_and_it_is_said_until_it_answers(holder: Holder, fault: str) -> None:
    await holder.buy()
    holder.theirs.outage = fault
    told = await holder.panic()
    assert (told["complete"], told["accounts"][0]["sold"], holder.sales()) == (False, [], [])
    shown = "\n".join(plain(panic_screen(told, flatten=True)))
    assert "NOT COMPLETE" in shown
    assert f"LEFT: {ACCOUNT}: BTC/USD: {HELD}" in shown
    assert "are not sold" in shown
    holder.theirs.outage = ""
    assert (await holder.panic())["complete"]
    holder.assert_sold_once()


async def test_with_no_network_at_all_it_is_said_too(holder: Holder) -> None:
    stop = await holder.buy()
    await holder.theirs.stop()
    told = await holder.panic()
    (account,) = told["accounts"]
    assert (told["complete"], account["sold"], account["canceled"]) == (False, [], [])
    assert all(each["what"] and each["hint"] for each in account["left"])
    assert (stop.status, holder.sales()) == ("open", [])


async def test_a_stop_that_the_exchange_forgot_may_have_sold_and_nothing_is_sold_beside_it(holder: Holder) -> None:
    """Coins of the user's own lie beside those that it sold."""
    stop = await holder.buy()
    holder.theirs.balances["BTC"] += HELD
    holder.theirs.fill(stop, HELD)
    del holder.theirs.orders[stop.order_id]
    told = await holder.panic()
    assert (told["complete"], holder.sales(), holder.theirs.balances["BTC"]) == (False, [], HELD)
    (order, position) = told["accounts"][0]["left"]
    assert "the exchange does not know order" in order["what"]
    assert "are not sold" in position["what"]
    assert "the exchange's own page" in position["hint"]
