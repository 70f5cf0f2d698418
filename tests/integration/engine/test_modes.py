"""What accounts do while they are held back, and how users hold them back, on a market that a test moves by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.control.errors import Conflict
from autopilot.domain.errors import AnswerLost, MarketUnavailable, StoreUnavailable
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import HOUR_MS
from autopilot.engine import liquidation
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_type import OrderSettings

Open = Callable[..., Any]
DOWN = MarketUnavailable("moved cannot be reached", hint="wait")
BUYS, SELLS = {"otherwise": 1}, {"otherwise": -1}
ME = "uid 1 pid 2"


@pytest.fixture
async def holding(open_desk: Open, strategies: Any, start_ms: int) -> Any:
    """Bought with the first candle; from the third on the strategy would sell."""
    sides = {start_ms + hour * 3_600_000: 1 for hour in (0, 1)}
    desk = open_desk(strategies["says"](sides=sides, **SELLS))
    await desk.hours(2)
    assert desk.account.position("BTC/USD")
    return desk


@pytest.fixture
async def waiting(open_desk: Open, strategies: Any) -> Any:
    """A limit order to buy waits on the exchange."""
    desk = open_desk(strategies["says"](strength=0.5, **BUYS))
    await desk.autopilot.run_cycle()
    assert desk.orders() == [("buy", "entry", "open")]
    return desk


def codes(desk: Any) -> list[str | None]:
    return [code for _, _, code in desk.decided()]


async def test_a_paused_account_buys_nothing_until_it_is_resumed(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](**BUYS))
    told = await desk.control.pause(None, ME)
    assert (told["account"], told["before"], told["now"], told["complete"]) == ("*", "active", "reducing", True)
    await desk.hours(3)
    assert set(codes(desk)) == {"PAUSED_BY_USER"}
    assert desk.orders() == []
    assert (await desk.control.resume(None, ME))["before"] == "reducing"
    await desk.hours(1)
    assert desk.orders()[0][:2] == ("buy", "entry")
    assert desk.events.modes() == [
        ("PAUSED_BY_USER", "active", "reducing"),
        ("PAUSED_BY_USER", "reducing", "active"),
    ]


async def test_a_paused_account_sells_by_signal_as_before(holding: Any) -> None:
    await holding.control.pause(None, ME)
    await holding.hours(3)
    assert holding.account.position("BTC/USD") is None
    assert [order for order in holding.orders() if order[0] == "sell"]


async def test_a_halted_account_sells_by_no_signal_and_says_why(holding: Any) -> None:
    await holding.control.panic(ME, flatten=False)
    await holding.hours(3)
    assert holding.account.position("BTC/USD")
    assert codes(holding)[-1] == "PANIC"
    await holding.control.resume(None, ME)
    await holding.hours(2)
    assert holding.account.position("BTC/USD") is None


@pytest.mark.parametrize(
    ("level", "mode", "sold"),
    [
        ("stop", "pause", True),
        ("stop", "panic", True),
        ("target", "pause", True),
        ("target", "panic", False),
    ],
)
async def test_levels_that_are_touched(holding: Any, level: str, mode: str, sold: bool) -> None:
    """A halted account leaves at its stops only."""
    if mode == "pause":
        await holding.control.pause(None, ME)
    else:
        await holding.control.panic(ME, flatten=False)
    beyond = {"stop": "999999", "target": "1"}[level]
    holding.database.connection.execute(f"UPDATE positions SET {level} = ?", (beyond,))
    holding.market.at_ms += 1
    await holding.autopilot.run_cycle()
    left = [order for order in holding.orders() if order[0] == "sell"]
    assert bool(left) is sold


async def test_an_order_that_was_decided_and_not_sent_is_not_sent_any_more(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"](**BUYS))
    desk.broker.trouble["submit"] = DOWN
    await desk.autopilot.run_cycle()
    assert desk.orders() == [("buy", "entry", "new")]
    desk.broker.trouble.clear()
    desk.database.connection.execute(
        "INSERT INTO trading_modes VALUES ('*', 'reducing', 'PAUSED_BY_USER', 'paused by the user', 1, 'me')"
    )
    await desk.autopilot.run_cycle()
    desk.market.at_ms += 1
    await desk.autopilot.run_cycle()
    assert desk.rows("status, detail", "orders", "rowid") == [
        ("expired", "not sent, PAUSED_BY_USER: paused by the user")
    ]
    assert desk.broker.submitted == []


async def test_a_pause_cancels_what_waits_to_buy(waiting: Any) -> None:
    told = await waiting.control.pause(None, ME)
    (account,) = told["accounts"]
    assert [(order["side"], order["status"]) for order in account["canceled"]] == [("buy", "canceled")]
    assert waiting.orders() == [("buy", "entry", "canceled")]
    again = await waiting.control.pause(None, ME)
    assert (again["before"], again["now"], again["accounts"]) == ("reducing", "reducing", [])


async def test_what_a_pause_cannot_cancel_the_next_cycle_does(waiting: Any) -> None:
    waiting.broker.trouble["cancel"] = DOWN
    told = await waiting.control.pause(None, ME)
    assert (told["now"], told["complete"]) == ("reducing", False)
    (left,) = told["accounts"][0]["left"]
    assert "is still open: moved cannot be reached" in left["what"]
    assert left["hint"]
    waiting.broker.trouble.clear()
    waiting.market.at_ms += 1
    await waiting.autopilot.run_cycle()
    assert waiting.orders() == [("buy", "entry", "canceled")]


async def test_a_pause_of_another_exchange_is_none_of_ours(waiting: Any) -> None:
    told = await waiting.control.pause("kraken", ME)
    assert (told["account"], told["accounts"]) == ("*:kraken", [])
    assert waiting.codes() == []
    assert waiting.orders() == [("buy", "entry", "open")]


async def test_one_exchange_cannot_resume_while_all_are_held_back(open_desk: Open, strategies: Any) -> None:
    desk = open_desk(strategies["says"]())
    await desk.control.pause("moved", ME)
    await desk.control.panic(ME, flatten=False)
    with pytest.raises(Conflict, match="moved stays halted"):
        await desk.control.resume("moved", ME)
    assert len(desk.codes()) == 2, "nothing was lifted"
    assert (await desk.control.resume(None, ME))["before"] == "halted"
    assert desk.codes() == []


@pytest.mark.parametrize("what", ["restrict", "restrictions", "the table"])
async def test_a_pause_that_cannot_be_stored_holds_and_cancels_all_the_same(
    what: str, waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreUnavailable("the disk is full", hint="make room")

    with monkeypatch.context() as patched:
        if what == "the table":
            waiting.database.connection.execute(
                "CREATE TRIGGER no BEFORE INSERT ON trading_modes BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
            )
        else:
            patched.setattr(SqliteTradingModes, what, full)
        told = await waiting.control.pause(None, ME)
    unstored, account = told["accounts"]
    assert (told["before"], told["now"], told["complete"]) == ("active", "reducing", False)
    assert "the pause is not stored, and is over when process" in unstored["left"][0]["what"]
    assert ([order["status"] for order in account["canceled"]], account["left"]) == (["canceled"], [])
    await waiting.hours(2)
    assert waiting.orders() == [("buy", "entry", "canceled")]
    assert set(codes(waiting)[1:]) == {"PAUSED_BY_USER"}


async def test_a_pause_that_is_stored_does_not_weaken_a_panic_that_is_not(
    waiting: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StoreUnavailable("the disk is full", hint="make room")

    with monkeypatch.context() as patched:
        patched.setattr(SqliteTradingModes, "restrict", full)
        await waiting.control.panic(ME, flatten=False)
    await waiting.control.pause(None, ME)
    assert sorted(waiting.codes()) == ["PANIC", "PAUSED_BY_USER"]
    with monkeypatch.context() as patched:
        patched.setattr(SqliteTradingModes, "lift", full)
        with pytest.raises(StoreUnavailable):
            await waiting.control.resume(None, ME)
    assert sorted(waiting.codes()) == ["PANIC", "PAUSED_BY_USER"], "a resume that is not stored lifts nothing"
    await waiting.control.resume(None, ME)
    assert waiting.codes() == []


class TestPanic:
    async def test_the_mode_is_stored_before_the_exchange_is_asked(self, waiting: Any) -> None:
        seen: list[list[str]] = []
        cancel = waiting.broker.behind.cancel

        async def look(order: Order) -> OrderReport:
            seen.append(waiting.codes())
            report: OrderReport = await cancel(order)
            return report

        waiting.broker.behind.cancel = look
        await waiting.control.panic(ME, flatten=False)
        assert seen == [["PANIC"]]

    async def test_what_cannot_be_stored_holds_and_cancels_all_the_same(
        self, waiting: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*_: object) -> None:
            raise StoreUnavailable("the disk is full", hint="make room")

        with monkeypatch.context() as patched:
            patched.setattr(SqliteTradingModes, "restrict", full)
            told = await waiting.control.panic(ME, flatten=False)
        unstored, account = told["accounts"]
        assert (told["before"], told["now"], told["complete"]) == ("active", "halted", False)
        assert "the halt is not stored" in unstored["left"][0]["what"]
        assert ([order["status"] for order in account["canceled"]], account["left"]) == (["canceled"], [])
        assert waiting.codes() == ["PANIC"]
        await waiting.hours(2)
        assert set(codes(waiting)[1:]) == {"PANIC"}
        with pytest.raises(Conflict, match="moved stays halted"):
            await waiting.control.resume("moved", ME)
        assert (await waiting.control.panic(ME, flatten=False))["complete"]
        assert waiting.codes() == ["PANIC"], "stored now, and told once"
        assert (await waiting.control.resume(None, ME))["before"] == "halted"
        assert waiting.codes() == []

    async def test_it_reaches_what_no_symbol_runs_for(self, holding: Any, open_desk: Open, strategies: Any) -> None:
        later = open_desk(strategies["says"](), symbols=("ETH/USD",), at_ms=holding.market.at_ms)
        told = await later.control.panic(ME, flatten=True)
        assert (told["complete"], told["accounts"][0]["sold"]) == (True, ["BTC/USD"])
        assert later.rows("purpose, status", "orders", "rowid")[-1] == ("flatten", "filled")
        assert later.ledger.busy_accounts() == ()

    async def test_a_sale_that_fails_is_told_and_leaves_the_mode(self, holding: Any) -> None:
        holding.broker.trouble["submit"] = AnswerLost("no answer within 10 s")
        holding.broker.trouble["lookup"] = DOWN
        told = await holding.control.panic(ME, flatten=True)
        (left,) = told["accounts"][0]["left"]
        assert (told["now"], told["complete"], left["symbol"]) == ("halted", False, "BTC/USD")
        assert "are not sold: moved cannot be reached" in left["what"]
        holding.broker.trouble.clear()
        again = await holding.control.panic(ME, flatten=True)
        assert (again["complete"], again["accounts"][0]["sold"]) == (True, ["BTC/USD"])
        sales = [order for order in holding.orders() if order[1] == "flatten"]
        assert len(sales) <= 2
        assert holding.database.row("SELECT count(*) FROM fills WHERE side = 'sell'")[0] == 1, "sold once"

    async def test_one_order_that_cannot_be_canceled_keeps_no_other(self, open_desk: Open, strategies: Any) -> None:
        desk = open_desk(strategies["says"](strength=0.5, **BUYS), symbols=("BTC/USD", "ETH/USD"))
        for autopilot in desk.autopilots.values():
            await autopilot.run_cycle()
        cancel = desk.broker.behind.cancel

        async def stubborn(order: Order) -> OrderReport:
            if order.symbol == "BTC/USD":
                raise DOWN
            report: OrderReport = await cancel(order)
            return report

        desk.broker.behind.cancel = stubborn
        (account,) = (await desk.control.panic(ME, flatten=False))["accounts"]
        assert [order["symbol"] for order in account["canceled"]] == ["ETH/USD"]
        assert [left["symbol"] for left in account["left"]] == ["BTC/USD"]

    async def test_a_cycle_that_hangs_is_waited_for_only_so_long(
        self, holding: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(liquidation, "LOCK_TIMEOUT_S", 0.02)
        async with holding.account.lock.for_cycle():
            told = await holding.control.panic(ME, flatten=True)
        assert (told["now"], told["complete"]) == ("halted", False)
        assert "kept the account busy" in told["accounts"][0]["left"][0]["what"]
        assert holding.account.position("BTC/USD"), "beside a cycle nothing is sold, lest it be sold twice"
        assert (await holding.control.panic(ME, flatten=True))["complete"]

    async def test_an_account_that_cannot_be_opened_is_told(self, holding: Any) -> None:
        def closed(account: str) -> Any:
            raise MarketUnavailable(f"{account} is closed", hint="open it")

        holding.control._open_account = closed
        told = await holding.control.panic(ME, flatten=True)
        assert told["accounts"][0]["left"] == [{"symbol": "*", "what": "paper:moved is closed", "hint": "open it"}]

    async def test_a_stop_that_rests_on_the_exchange_stays_unless_all_is_sold(self, holding: Any) -> None:
        (entry,) = holding.ledger.open_orders("paper:moved") or (holding.ledger.order(holding.broker.submitted[0]),)
        stop = replace(
            entry,
            client_order_id="the stop",
            side=Side.SELL,
            type=OrderType.STOP,
            purpose=Purpose.STOP_LOSS,
            status=OrderStatus.OPEN,
            filled=Decimal(0),
        )
        holding.ledger.save_order(stop)
        # The paper exchange has no stop orders: to it, this one is a limit far away.
        await holding.broker.submit(
            replace(stop, type=OrderType.LIMIT, price=Decimal(10**9)), await holding.market.market("BTC/USD")
        )
        (account,) = (await holding.control.panic(ME, flatten=False))["accounts"]
        assert (account["kept"], account["canceled"], account["left"]) == (["BTC/USD"], [], [])
        (account,) = (await holding.control.panic(ME, flatten=True))["accounts"]
        assert [order["client_order_id"] for order in account["canceled"]] == ["the stop"]
        assert account["sold"] == ["BTC/USD"]

    async def test_an_exit_that_was_canceled_goes_on_after_the_halt(self, holding: Any) -> None:
        holding.database.connection.execute("UPDATE positions SET target = '1'")
        holding.market.at_ms += 1
        await holding.autopilot.run_cycle()
        assert ("sell", "take_profit", "open") in holding.orders()
        await holding.control.panic(ME, flatten=False)
        await holding.hours(2)
        assert holding.orders()[-1] == ("sell", "take_profit", "canceled")
        await holding.control.resume(None, ME)
        await holding.hours(2)
        assert holding.account.position("BTC/USD") is None


class TestSilentExchange:
    async def test_one_symbol_s_trouble_keeps_all_of_the_account_from_buying(
        self, open_desk: Open, strategies: Any
    ) -> None:
        desk = open_desk(strategies["says"](**BUYS), symbols=("BTC/USD", "ETH/USD"))
        ours, other = desk.autopilots.values()
        desk.market.trouble = DOWN
        await ours.run_cycle()
        desk.market.trouble = None
        assert desk.codes() == ["EXCHANGE_UNREACHABLE"]
        await other.run_cycle()
        assert codes(desk) == ["EXCHANGE_UNREACHABLE"]
        await ours.run_cycle()
        refused = desk.rows("symbol, denied_code", "decisions", "symbol")
        assert refused == [("BTC/USD", None), ("ETH/USD", "EXCHANGE_UNREACHABLE")], "who is answered is not held back"
        assert desk.codes() == []
        assert desk.events.modes() == [
            ("EXCHANGE_UNREACHABLE", "active", "reducing"),
            ("EXCHANGE_UNREACHABLE", "reducing", "active"),
        ]

    async def test_it_does_not_cost_an_order_its_place(self, waiting: Any) -> None:
        waiting.market.trouble = DOWN
        await waiting.autopilot.run_cycle()
        assert waiting.codes() == ["EXCHANGE_UNREACHABLE"]
        assert waiting.orders() == [("buy", "entry", "open")]

    async def test_since_is_the_first_failure_and_a_symbol_that_ends_is_forgotten(self, waiting: Any) -> None:
        waiting.market.trouble = DOWN
        await waiting.autopilot.run_cycle()
        (first,) = waiting.restrictions.restrictions("paper:moved")
        waiting.market.at_ms += 60_000
        await waiting.autopilot.run_cycle()
        assert waiting.restrictions.restrictions("paper:moved") == (first,)
        waiting.autopilot.end()
        assert waiting.codes() == []


class TestBooks:
    @staticmethod
    def take(desk: Any, amount: str) -> None:
        """Somebody withdraws from the account."""
        desk.broker.behind._balances["BTC"] -= Decimal(amount)

    @staticmethod
    async def compare(desk: Any) -> None:
        desk.autopilot._reconcile_next_ms = 0
        await desk.autopilot.run_cycle()

    async def test_books_that_hold_too_much_keep_from_buying_until_they_agree(self, holding: Any) -> None:
        self.take(holding, "0.001")
        await self.compare(holding)
        (found,) = holding.restrictions.restrictions("paper:moved")
        assert (found.code, found.mode.value) == ("BOOKS_DIFFER", "reducing")
        assert "BTC are booked, only" in found.detail
        self.take(holding, "-0.001")
        await self.compare(holding)
        assert holding.codes() == []
        assert holding.events.modes()[-1] == ("BOOKS_DIFFER", "reducing", "active")

    async def test_what_the_user_accepts_is_no_reason_any_more_and_what_is_missing_beyond_it_is(
        self, holding: Any
    ) -> None:
        self.take(holding, "0.001")
        await self.compare(holding)
        await holding.control.resume(None, ME)
        await self.compare(holding)
        assert holding.codes() == []
        self.take(holding, "0.001")
        await self.compare(holding)
        assert holding.codes() == ["BOOKS_DIFFER"]

    async def test_what_is_written_off_is_held_and_booked_no_more_and_is_no_loss(self, holding: Any) -> None:
        held = holding.account.position("BTC/USD").quantity
        self.take(holding, "0.001")
        await self.compare(holding)
        told = await holding.control.resume(None, ME, write_off=True)
        assert (told["complete"], told["accounts"][0]["written_off"]) == (True, {"BTC/USD": "0.00100"})
        assert holding.account.position("BTC/USD").quantity == held - Decimal("0.001")
        await self.compare(holding)
        assert holding.codes() == []
        await holding.hours(1)
        mark = holding.ledger.equity_mark("paper:moved", "USD")
        assert mark.equity / mark.peak_equity > Decimal("0.999"), "the coins were a tenth of a percent and more"
        self.take(holding, "0.001")
        await self.compare(holding)
        assert holding.codes() == ["BOOKS_DIFFER"], "what was accepted once is no leave to take as much again"

    async def test_what_is_gone_altogether_is_held_no_more(self, holding: Any) -> None:
        self.take(holding, str(holding.account.position("BTC/USD").quantity))
        await self.compare(holding)
        told = await holding.control.resume(None, ME, write_off=True)
        assert told["complete"]
        assert holding.account.position("BTC/USD") is None
        await holding.hours(1)
        assert holding.decided()[-1][1:] == ("denied", "POSITION_MISSING")

    async def test_nothing_is_written_off_that_is_not_missing(self, holding: Any) -> None:
        await self.compare(holding)
        told = await holding.control.resume(None, ME, write_off=True)
        (account,) = told["accounts"]
        assert (account["written_off"], account["left"], told["complete"]) == ({}, [], True)
        assert holding.account.position("BTC/USD")

    async def test_of_several_positions_in_a_coin_the_one_without_a_market_is_written_off_first(
        self, open_desk: Open, strategies: Any
    ) -> None:
        desk = open_desk(strategies["says"](**BUYS), symbols=("BTC/USD", "BTC/EUR"))
        await desk.hours(2)
        euros, dollars = desk.account.position("BTC/EUR"), desk.account.position("BTC/USD")
        self.take(desk, str(euros.quantity / 2))
        desk.market.gone.add("BTC/EUR")
        told = await desk.control.resume(None, ME, write_off=True)
        (gone,) = told["accounts"][0]["write_offs"]
        assert (gone["symbol"], gone["reason"], told["complete"]) == ("BTC/EUR", "market_gone", True)
        assert Decimal(gone["missing"]) == euros.quantity / 2
        assert (desk.account.position("BTC/EUR"), desk.account.position("BTC/USD")) == (None, dollars)

    async def test_on_paper_too_it_counts_at_the_last_price_and_a_part_sold_before_is_a_trade(
        self, holding: Any
    ) -> None:
        sold = holding.account.position("BTC/USD").quantity
        holding.database.connection.execute(
            "UPDATE positions SET entry_quantity = ?, fees = '1', realized = '7', exit_value = '2000'", (str(2 * sold),)
        )
        latest = holding.account.price("BTC/USD")
        holding.market.gone.add("BTC/USD")
        await holding.autopilot.run_cycle()
        assert holding.autopilot.record.failure.code == "MARKET_GONE"
        told = await holding.control.resume(None, ME, write_off=True)
        (gone,) = told["accounts"][0]["write_offs"]
        assert (Decimal(gone["price"]), Decimal(gone["missing"])) == (latest, 0)
        (trip,) = holding.ledger.round_trips_since("paper:moved", 0)
        assert (Decimal(gone["net"]), trip.quantity) == (trip.net, sold)
        assert holding.account.position("BTC/USD") is None

    async def test_the_books_agree_after_a_write_off_on_paper_and_after_the_next_decision(self, holding: Any) -> None:
        def disagreements() -> tuple[str, ...]:
            return check_books(holding.database.path).disagreements

        before = holding.ledger.equity_mark("paper:moved", "USD")
        holding.market.gone.add("BTC/USD")
        await holding.control.resume(None, ME, write_off=True)
        assert disagreements() == ()
        holding.market.gone.clear()
        await holding.hours(2)
        after = holding.ledger.equity_mark("paper:moved", "USD")
        assert after.start_equity < before.start_equity, "the coins count as withdrawn"
        assert after.equity / after.peak_equity > Decimal("0.98"), "and as no loss"
        assert disagreements() == ()

    @pytest.mark.parametrize("where", ["market", "balances"])
    async def test_an_exchange_that_is_out_of_reach_writes_nothing_off(self, holding: Any, where: str) -> None:
        self.take(holding, "0.001")
        if where == "market":
            holding.market.trouble = DOWN
        else:
            holding.broker.trouble = {where: DOWN}
        told = await holding.control.resume(None, ME, write_off=True)
        (left,) = told["accounts"][0]["left"]
        assert (told["complete"], left["hint"]) == (False, "run the command again when the exchange answers")
        assert "nothing was written off, because the books could not be compared: moved cannot" in left["what"]

    async def test_panic_says_how_to_end_what_cannot_be_sold(self, holding: Any) -> None:
        holding.market.gone.add("BTC/USD")
        told = await holding.control.panic(ME, flatten=True)
        (left,) = told["accounts"][0]["left"]
        assert "moved has no market BTC/USD" in left["what"]
        assert "autopilot resume --write-off" in left["hint"]

    async def test_where_a_sale_cannot_be_ended_nothing_is_written_off(self, holding: Any) -> None:
        reached = ExitOrder(Purpose.TAKE_PROFIT, 2 * holding.account.price("BTC/USD"), "a target far away")
        exits = ExitSettings(OrderSettings(limit_life_candles=100), HOUR_MS)
        await holding.autopilot._desk.exit_position(reached, await holding.market.market("BTC/USD"), exits)
        assert holding.orders()[-1] == ("sell", "take_profit", "open")
        self.take(holding, "0.001")
        await self.compare(holding)
        holding.broker.trouble = {"cancel": MarketUnavailable("away")}
        told = await holding.control.resume(None, ME, write_off=True)
        (account,) = told["accounts"]
        assert (told["complete"], account["written_off"], len(account["left"])) == (False, {}, 1)
        holding.broker.trouble = {}
        await self.compare(holding)
        told = await holding.control.resume(None, ME, write_off=True)
        assert told["accounts"][0]["written_off"] == {"BTC/USD": "0.00100"}


async def test_waiting_for_the_account_ends_when_the_cycle_does(waiting: Any) -> None:
    async with waiting.account.lock.for_cycle():
        panic = asyncio.ensure_future(waiting.control.panic(ME, flatten=False))
        await asyncio.sleep(0)
        assert not panic.done()
    assert (await panic)["complete"]
    assert waiting.orders() == [("buy", "entry", "canceled")]
