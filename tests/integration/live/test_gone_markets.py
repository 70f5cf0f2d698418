"""What is held on a market that the exchange no longer has, or has left the account: it is found whether or not a
symbol runs, and `autopilot resume --write-off` takes it out of the books."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from places import PLACES

from autopilot.adapters.audit_head import Anchor
from autopilot.adapters.clock import SteadyClock, WallClock
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.audit import AuditTrail, advanced, recent
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.adapters.store.views.status import LiveState, status_document
from autopilot.app.trading import without_daemon as alone
from autopilot.app.trading.books_watch import BooksWatch
from autopilot.app.trading.modes import TradingControl
from autopilot.cli.render.layout import plain
from autopilot.cli.render.trading import resumed_screen
from autopilot.config.paths import find_paths
from autopilot.domain.arming import Arming
from autopilot.domain.errors import NotFound
from autopilot.domain.order import OrderStatus, OrderType, Side
from autopilot.domain.timeframe import DAY_MS, MINUTE_MS
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.reconciliation import reconcile

HELD = Decimal("0.01")
EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), 60 * MINUTE_MS)
Open = Callable[[str], AbstractAsyncContextManager[Any]]


class Owner:
    """Holds 0.01 BTC and has no daemon. ``theirs``: the exchange."""

    def __init__(self, live: Any, name: str, directory: Path) -> None:
        self.live, self.theirs, self.name = live, live.exchange, name
        self.paths = find_paths(None, directory, {})

    async def buy(self, *, stop: bool = False) -> None:
        if stop:
            self.live.guard()
        self.live.intend(OrderType.MARKET, stop=Decimal(29_000), target=Decimal(33_000))
        await self.live.follow()
        if stop:
            self.live.clock.at_ms += MINUTE_MS
            await self.live.desk.protect(self.live.market, EXITS)
        assert self.positions() == {self.live.market.symbol: HELD}

    def positions(self) -> dict[str, Decimal]:
        return {each.symbol: each.quantity for each in self.live.ledger.positions(self.live.account)}

    async def write_off(self) -> Any:
        """(the document of the account, the lines of the screen)."""
        self.live.clock.at_ms += 10 * MINUTE_MS
        keys = PLACES[self.name].keys
        told = await alone.resume(self.paths, self.name, lambda _: keys, write_off=True)
        (account,) = told["accounts"]
        assert told["complete"] is not bool(account["left"])
        return account, plain(resumed_screen(told))


@pytest.fixture
async def owner(
    open_live: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Owner]:
    name = getattr(request, "param", "kraken")
    async with open_live(name) as live:
        for each in (WallClock, SteadyClock):
            monkeypatch.setattr(each, "now_ms", lambda _: live.clock.at_ms)
        yield Owner(live, name, tmp_path)


@pytest.mark.parametrize("owner", PLACES, indirect=True)
@pytest.mark.parametrize("stays", [True, False], ids=["coins stay", "coins gone"])
async def test_a_position_without_a_market_is_written_off_with_or_without_its_coins(owner: Owner, stays: bool) -> None:
    await owner.buy()
    (before,) = owner.live.ledger.positions(owner.live.account)
    owner.theirs.delist("BTC")
    if not stays:
        owner.theirs.balances["BTC"] = Decimal(0)
    account, screen = await owner.write_off()
    (gone,) = account["write_offs"]
    symbol = owner.live.market.symbol
    assert (gone["symbol"], gone["reason"], gone["net"]) == (symbol, "market_gone", None)
    assert Decimal(gone["quantity"]) == HELD
    assert Decimal(gone["missing"]) == (0 if stays else HELD)
    assert Decimal(gone["cost"]) == before.cost
    assert Decimal(gone["price"]) == 30_000, "the price paid: there was no later one"
    assert account["written_off"] == {symbol: gone["quantity"]}
    assert owner.positions() == {}
    assert f"{owner.live.account}: {symbol}: 0.01 BTC written off: {owner.name} no longer has this market" in screen
    assert any("0.01 BTC stay in the account" in line for line in screen) is stays
    assert any("counts as withdrawn at the last known price, 30,000.00" in line for line in screen)
    assert check_books(owner.paths.database).disagreements == ()
    rows = [row for row in recent(owner.paths.database, 10)["audit"] if row["kind"] in ("write_off", "command")]
    assert {row["kind"] for row in rows} == {"write_off", "command"}
    told = await alone.resume(owner.paths, owner.name, lambda _: PLACES[owner.name].keys, write_off=True)
    assert (told["accounts"], told["complete"]) == ([], True)
    assert plain(resumed_screen(told))[-1] == "nothing was missing; nothing was written off"


async def test_the_armed_amount_is_free_again(owner: Owner) -> None:
    database, clock = owner.live.database, owner.live.clock
    anchor = Anchor(owner.paths.audit_head, partial(advanced, database.path))
    arming = Arming("live:kraken", "USD", Decimal(500), True, clock.at_ms, clock.at_ms + DAY_MS, "a test")
    SqliteArmings(database, AuditTrail(anchor, "a test", clock.now_ms)).arm(arming)
    anchor.flush()
    await owner.buy()

    def amounts() -> tuple[Decimal, Decimal]:
        (account,) = status_document(owner.paths.database, clock.at_ms)["real_money"]
        return Decimal(account["arming"]["invested"]), Decimal(account["arming"]["limit"])

    assert amounts()[0] > 300
    owner.theirs.delist("BTC")
    await owner.write_off()
    assert amounts() == (0, 500)


@pytest.mark.parametrize(
    "fault", ["reset before", "500 before", "502 after", "html", "EService:Unavailable", "EGeneral:Internal error"]
)
@pytest.mark.parametrize("delisted", [True, False])
async def test_an_exchange_that_does_not_answer_writes_nothing_off(owner: Owner, fault: str, delisted: bool) -> None:
    await owner.buy()
    if delisted:
        owner.theirs.delist("BTC")
    owner.theirs.balances["BTC"] = Decimal(0)
    owner.theirs.outage = fault
    account, screen = await owner.write_off()
    assert (account["write_offs"], owner.positions()) == ([], {"BTC/USD": HELD})
    assert any("nothing was written off, because the books could not be compared" in line for line in screen)
    owner.theirs.outage = ""
    await owner.write_off()
    assert owner.positions() == {}


async def test_without_a_network_nothing_is_written_off(owner: Owner) -> None:
    await owner.buy()
    await owner.theirs.stop()
    account, _ = await owner.write_off()
    assert (account["write_offs"], owner.positions()) == ([], {"BTC/USD": HELD})
    assert all(each["what"] and each["hint"] for each in account["left"])


@pytest.mark.parametrize("owner", ["kraken", "binance"], indirect=True)
async def test_a_stop_that_went_with_its_market_keeps_nothing_in_the_books(owner: Owner) -> None:
    """Binance does not show orders of a market that it no longer has."""
    await owner.buy(stop=True)
    owner.theirs.delist("BTC")
    await owner.write_off()
    assert owner.live.database.rows("SELECT status FROM orders WHERE type = 'stop'")[0][0] == "canceled"
    assert (owner.positions(), owner.live.ledger.busy_accounts()) == ({}, ())


async def test_what_a_stop_sold_before_its_market_was_gone_is_a_sale(owner: Owner) -> None:
    await owner.buy(stop=True)
    (stop,) = (each for each in owner.theirs.orders.values() if each.kind == "stop-loss")
    owner.theirs.fill(stop, HELD, Decimal(28_990))
    owner.theirs.delist("BTC")
    account, _ = await owner.write_off()
    assert (account["write_offs"], owner.positions()) == ([], {})
    (trip,) = owner.live.ledger.round_trips_since("live:kraken", 0)
    assert (trip.exit_price, trip.quantity, trip.exit_purpose.value) == (28_990, HELD, "stop_loss")


async def test_an_entry_on_a_market_that_is_gone_waits_no_longer(owner: Owner) -> None:
    order = owner.live.intend(OrderType.LIMIT)
    await owner.live.follow()
    owner.theirs.delist("BTC")
    await owner.write_off()
    assert owner.live.order(order).status is OrderStatus.CANCELED
    assert owner.live.ledger.busy_accounts() == ()


async def test_a_sale_that_was_not_seen_yet_is_no_missing_coin(owner: Owner) -> None:
    await owner.buy()
    order = owner.live.intend(OrderType.LIMIT, side=Side.SELL)
    await owner.live.follow()
    (theirs,) = owner.theirs.named(order.client_order_id)
    owner.theirs.fill(theirs, HELD)
    account, _ = await owner.write_off()
    assert (account["write_offs"], account["left"], owner.positions()) == ([], [], {})
    owner.live.assert_agreed()


@pytest.mark.parametrize(("owned", "written_off"), [("0.004", "0.006"), ("0.00004", "0.01")])
async def test_of_what_is_partly_missing_no_rest_stays_that_cannot_be_sold(
    owner: Owner, owned: str, written_off: str
) -> None:
    await owner.buy()
    owner.theirs.balances["BTC"] = Decimal(owned)
    account, _ = await owner.write_off()
    (gone,) = account["write_offs"]
    assert (gone["reason"], Decimal(gone["quantity"])) == ("missing", Decimal(written_off))
    assert Decimal(gone["missing"]) == HELD - Decimal(owned)
    assert sum(owner.positions().values()) == HELD - Decimal(written_off)


@pytest.mark.parametrize("owner", PLACES, indirect=True)
async def test_coins_are_compared_although_their_market_is_gone(owner: Owner) -> None:
    """Also where a symbol is asked for that has no market: an account is armed for the configured ones."""
    await owner.buy()
    owner.theirs.delist("BTC")
    owner.theirs.balances["BTC"] = Decimal("0.004")
    owner.live.clock.at_ms += 2 * DAY_MS
    found = await reconcile(owner.live.account, [owner.live.market.symbol], owner.live.broker, owner.live.ledger)
    assert [(each.currency, each.owned) for each in found.shortfalls] == [("BTC", Decimal("0.004"))]


class TestWithDaemon:
    """The parts that the daemon runs, beside a symbol that cannot trade any more."""

    @pytest.fixture
    async def bought(self, whole: Any) -> Any:
        await whole.cycle()
        (order,) = whole.exchange.orders.values()
        whole.exchange.fill(order, order.quantity)
        await whole.cycle()
        assert whole.ledger.positions("live:kraken")
        return whole

    def parts(self, bought: Any) -> tuple[TradingControl, BooksWatch]:
        autopilot = bought.autopilot
        liquidation = {"live:kraken": bought.liquidation}.__getitem__
        watch = autopilot._watch
        control = TradingControl(
            bought.modes, watch, bought.ledger.busy_accounts, liquidation, autopilot._events, bought.clock
        )
        return control, BooksWatch(bought.ledger.busy_accounts, liquidation, watch)

    def problems(self, bought: Any, control: TradingControl) -> dict[str, Any]:
        live = LiveState({}, (), lambda stored: stored, bought.autopilot._watch.restrictions, control.books(), (), None)
        found = status_document(bought.database.path, bought.clock.at_ms, live)["health"]
        return {each["code"]: each for each in found}

    async def test_it_is_an_error_with_a_way_out_until_it_is_written_off(self, bought: Any) -> None:
        control, review = self.parts(bought)
        await review.review()
        assert "MARKET_GONE" not in self.problems(bought, control)
        bought.exchange.delist("BTC")
        message = await bought.cycle(DAY_MS // 1000 + 60)
        assert message.startswith("kraken no longer has a market BTC/USD")
        assert bought.autopilot.record.failure.code == "MARKET_GONE"
        assert "MARKET_GONE" in self.problems(bought, control), "at once"
        await review.review()
        found = self.problems(bought, control)["MARKET_GONE"]
        assert (found["level"], found["subject"]) == ("error", "BTC/USD in live:kraken")
        assert "autopilot resume --write-off" in found["hint"]
        assert "autopilot resume --write-off" in bought.autopilot.record.hint
        told = await control.resume("kraken", "a test", write_off=True)
        assert told["complete"]
        assert bought.ledger.positions("live:kraken") == ()
        assert "MARKET_GONE" not in self.problems(bought, control)
        await bought.cycle()
        assert bought.autopilot.record.failure.code == "UNKNOWN_SYMBOL"
        assert "autopilot stop --symbol BTC/USD" in bought.autopilot.record.hint

    async def test_it_is_found_within_minutes_although_the_list_of_markets_lives_for_a_day(self, bought: Any) -> None:
        bought.clock.at_ms += 11 * MINUTE_MS
        bought.exchange.delist("BTC")
        messages = [await bought.cycle() for _ in range(3)]
        assert messages[-1].startswith("kraken no longer has a market BTC/USD")
        control, _ = self.parts(bought)
        assert (await control.resume(None, "a test", write_off=True))["complete"]
        assert bought.ledger.positions("live:kraken") == ()

    async def test_the_books_are_compared_though_no_cycle_can(self, bought: Any) -> None:
        control, review = self.parts(bought)
        bought.exchange.delist("BTC")
        bought.exchange.balances["BTC"] = Decimal(0)
        bought.clock.at_ms += DAY_MS + MINUTE_MS
        await review.review()
        found = self.problems(bought, control)
        assert {"MARKET_GONE", "BOOKS_DIFFER"} <= found.keys()
        await control.resume(None, "a test", write_off=True)
        await review.review()
        assert not {"MARKET_GONE", "BOOKS_DIFFER"} & self.problems(bought, control).keys()

    async def test_books_that_cannot_be_compared_are_a_warning(self, bought: Any) -> None:
        control, review = self.parts(bought)
        bought.exchange.outage = "500 before"
        await review.review()
        assert self.problems(bought, control)["BOOKS_UNCOMPARED"]["level"] == "warning"
        bought.exchange.outage = ""
        bought.clock.at_ms += 10 * MINUTE_MS
        await review.review()
        assert "BOOKS_UNCOMPARED" not in self.problems(bought, control)


async def test_keys_that_are_locked_leave_the_account_as_it_is(owner: Owner) -> None:
    await owner.buy()
    owner.theirs.balances["BTC"] = Decimal(0)

    def locked(exchange: str) -> Any:
        raise NotFound(f"there are no keys of {exchange}", hint="autopilot keys add kraken")

    told = await alone.resume(owner.paths, None, locked, write_off=True)
    (left,) = told["accounts"][0]["left"]
    assert (told["complete"], left["hint"], owner.positions()) == (
        False,
        "autopilot keys add kraken",
        {"BTC/USD": HELD},
    )
