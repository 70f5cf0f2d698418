"""Every fault between an order and its end, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side, client_order_id
from autopilot.domain.portfolio import Position
from autopilot.domain.timeframe import HOUR_MS
from autopilot.domain.trading_mode import ModeEntry, TradingMode
from autopilot.execution.exits import ExitTrigger
from autopilot.execution.order_desk import FRESH_MS, ExitSettings, OrderDesk
from autopilot.risk.verdict import Approved

ACCOUNT = "paper:test"
START_MS = 1_714_521_600_000
S = OrderStatus

STOP = ExitTrigger(Purpose.STOP_LOSS, Decimal(95), "the stop at 95 was touched")
TARGET = ExitTrigger(Purpose.TAKE_PROFIT, Decimal(110), "the target at 110 was touched")

Approve = Callable[..., Approved]
Report = Callable[..., OrderReport]
Hold = Callable[..., Position]


@pytest.fixture
def books(ledger: SqliteLedger) -> Callable[[], tuple[Order, ...]]:
    """Every order but the one that brought the position, oldest first."""

    def read() -> tuple[Order, ...]:
        rows = ledger._database.rows(
            "SELECT client_order_id FROM orders WHERE client_order_id <> 'earlier entry' ORDER BY rowid"
        )
        orders = [ledger.order(row[0]) for row in rows]
        return tuple(order for order in orders if order)

    return read


def quantity(ledger: SqliteLedger) -> Decimal:
    return sum((held.quantity for held in ledger.positions(ACCOUNT)), Decimal(0))


class TestSending:
    async def test_it_is_in_the_books_before_it_is_sent(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, approve: Approve, market: Market, report: Report
    ) -> None:
        written: list[OrderStatus] = []

        async def look(order: Order, market: Market) -> OrderReport:
            known = ledger.order(order.client_order_id)
            written.append(known.status if known else S.NEW)
            return replace(report(S.OPEN), client_order_id=order.client_order_id)

        broker.submit = look
        order = await desk.send(approve(), market)
        assert written == [S.SUBMITTED]
        assert ledger.order(order.client_order_id) == order
        assert (order.status, order.exchange_order_id) == (S.OPEN, "X1")

    async def test_what_was_forbidden_since_it_was_decided_is_not_sent(
        self, desk: OrderDesk, modes: SqliteTradingModes, broker: Any, approve: Approve, market: Market
    ) -> None:
        approved = approve()
        modes.restrict(ModeEntry("*", TradingMode.REDUCING, "PAUSED_BY_USER", "paused by the user", 1, "me"))
        order = await desk.send(approved, market)
        assert (order.status, order.detail) == (S.EXPIRED, "not sent, PAUSED_BY_USER: paused by the user")
        assert broker.sent == []

    @pytest.mark.parametrize(
        ("answer", "status", "words"),
        [
            (MarketUnavailable("reset before it was sent"), S.NEW, "reset before it was sent"),
            (AnswerLost("reset after it was sent"), S.UNKNOWN, "no answer: reset after it was sent"),
            (TimeoutError("30 s"), S.UNKNOWN, "no answer: 30 s"),
            (OrderRejected("insufficient funds"), S.REJECTED, "insufficient funds"),
        ],
    )
    async def test_what_goes_wrong_is_the_orders_status(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        approve: Approve,
        market: Market,
        events: Any,
        answer: Exception,
        status: OrderStatus,
        words: str,
    ) -> None:
        broker.submits = [answer]
        order = await desk.send(approve(), market)
        assert (order.status, order.detail) == (status, words)
        assert ledger.order(order.client_order_id) == order
        assert events.count("order") == 1

    async def test_an_answer_with_fills_is_booked_at_once(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        approve: Approve,
        market: Market,
        report: Report,
        events: Any,
    ) -> None:
        broker.submits = [report(S.FILLED, ("a", "1.5", "100"), ("b", "0.5", "101"))]
        order = await desk.send(approve(), market)
        assert (order.status, order.filled) == (S.FILLED, 2)
        assert quantity(ledger) == 2
        assert (events.count("fill"), events.count("order")) == (2, 1)


class TestFollowing:
    async def test_after_a_lost_answer_it_is_asked_about_and_never_sent_again(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, approve: Approve, market: Market, report: Report
    ) -> None:
        broker.submits = [AnswerLost("time-out")]
        order = await desk.send(approve(), market)
        broker.lookups = [MarketUnavailable("still away"), report(S.FILLED, ("a", "2", "100"))]
        with pytest.raises(MarketUnavailable):
            await desk.follow(market)
        assert ledger.order(order.client_order_id) == order
        await desk.follow(market)
        assert (len(broker.sent), quantity(ledger)) == (1, 2)
        await desk.follow(market)
        assert len(broker.asked) == 2, "what is over is asked about no more"

    async def test_what_never_arrived_is_sent_again_under_the_same_name(
        self, desk: OrderDesk, broker: Any, approve: Approve, market: Market, report: Report, books: Any
    ) -> None:
        broker.submits = [AnswerLost("time-out"), report(S.OPEN)]
        broker.lookups = [None]
        await desk.send(approve(), market)
        await desk.follow(market)
        first, second = broker.sent
        assert first.client_order_id == second.client_order_id
        (order,) = books()
        assert (order.status, order.detail) == (S.OPEN, "")

    async def test_an_accepted_order_that_the_exchange_forgot_for_a_moment_stays_open(
        self, desk: OrderDesk, broker: Any, approve: Approve, market: Market, report: Report, books: Any
    ) -> None:
        broker.submits = [report(S.OPEN)]
        broker.lookups = [None, report(S.FILLED, ("a", "2", "100"))]
        await desk.send(approve(), market)
        with pytest.raises(MarketUnavailable, match="which it had accepted"):
            await desk.follow(market)
        assert [order.status for order in books()] == [S.OPEN]
        await desk.follow(market)
        assert [order.status for order in books()] == [S.FILLED]
        assert len(broker.sent) == 1

    async def test_taken_up_again_what_was_made_later_waits_and_nothing_ends(
        self,
        desk: OrderDesk,
        broker: Any,
        clock: Any,
        ledger: SqliteLedger,
        make_order: Any,
        market: Market,
        report: Report,
    ) -> None:
        later = make_order("later", side=Side.SELL, created_at_ms=START_MS + HOUR_MS)
        over = make_order("over", price=Decimal(99), expires_at_ms=START_MS, status=S.OPEN)
        for order in (later, over):
            ledger.save_order(order)
        broker.lookups = [report(S.OPEN)]
        broker.shown = [report(S.OPEN, client_order_id="over")]
        assert (await desk.reconcile(market)).agrees
        assert (broker.asked, broker.canceled, broker.sent) == (["over"], [], [])
        assert ledger.order("later") == later

    async def test_what_is_over_here_and_open_there_is_canceled(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, make_order: Any, market: Market, report: Report
    ) -> None:
        ledger.save_order(make_order("undead", status=S.EXPIRED))
        broker.shown = [report(S.OPEN, client_order_id="undead"), report(S.OPEN, client_order_id="by hand")]
        broker.cancels = [report(S.CANCELED)]
        found = await desk.reconcile(market)
        assert broker.canceled == ["undead"]
        assert len(found.words) == 2

    @pytest.mark.parametrize(("late_ms", "status"), [(FRESH_MS, S.OPEN), (FRESH_MS + 1, S.EXPIRED)])
    async def test_an_entry_that_was_never_sent_is_history_after_two_minutes(
        self,
        desk: OrderDesk,
        broker: Any,
        clock: Any,
        approve: Approve,
        market: Market,
        report: Report,
        books: Any,
        late_ms: int,
        status: OrderStatus,
    ) -> None:
        broker.submits = [MarketUnavailable("away"), report(S.OPEN)]
        await desk.send(approve(), market)
        clock.at_ms += late_ms
        await desk.follow(market)
        (order,) = books()
        assert order.status is status

    async def test_a_crash_while_sending_is_a_lost_answer(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, approve: Approve, market: Market, report: Report
    ) -> None:
        broker.submits = [KeyboardInterrupt()]
        with pytest.raises(KeyboardInterrupt):
            await desk.send(approve(), market)
        broker.lookups = [report(S.FILLED, ("a", "2", "100"))]
        await desk.follow(market)
        assert (len(broker.sent), quantity(ledger)) == (1, 2)

    async def test_words_that_come_twice_late_and_in_any_order_count_once(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        approve: Approve,
        market: Market,
        report: Report,
        books: Any,
        events: Any,
    ) -> None:
        one, two = ("a", "0.5", "100"), ("b", "0.7", "100")
        broker.submits = [report(S.OPEN, at_ms=START_MS)]
        broker.lookups = [
            report(S.PARTIALLY_FILLED, one, two, at_ms=START_MS + 2),
            report(S.PARTIALLY_FILLED, one, two, at_ms=START_MS + 2),
            report(S.PARTIALLY_FILLED, one, at_ms=START_MS + 1),
            report(S.OPEN, at_ms=START_MS),
        ]
        await desk.send(approve("99.9"), market)
        for _ in range(4):
            await desk.follow(market)
            (order,) = books()
            assert (order.status, order.filled) == (S.PARTIALLY_FILLED, Decimal("1.2"))
            assert order.updated_at_ms == START_MS + 2
            assert quantity(ledger) == Decimal("1.2")
        assert events.count("fill") == 2

    async def test_an_end_whose_fills_are_not_told_yet_is_no_end(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        approve: Approve,
        market: Market,
        report: Report,
        books: Any,
    ) -> None:
        part, rest = ("a", "0.5", "100"), ("b", "1.5", "100")
        broker.submits = [report(S.OPEN)]
        broker.lookups = [report(S.FILLED, part, filled=Decimal(2)), report(S.FILLED, part, rest)]
        await desk.send(approve(), market)
        await desk.follow(market)
        (order,) = books()
        assert (order.status, order.filled) == (S.OPEN, Decimal("0.5"))
        await desk.follow(market)
        (order,) = books()
        assert (order.status, quantity(ledger)) == (S.FILLED, 2)

    async def test_an_entry_that_outlived_its_life_is_canceled_and_dropped(
        self, desk: OrderDesk, broker: Any, clock: Any, approve: Approve, market: Market, report: Report, books: Any
    ) -> None:
        broker.submits = [report(S.OPEN)]
        await desk.send(approve("99.9"), market)
        broker.lookups = [report(S.OPEN)]
        clock.at_ms += 3 * HOUR_MS - 1
        await desk.follow(market)
        assert not broker.canceled
        clock.at_ms += 1
        broker.lookups, broker.cancels = [report(S.OPEN)], [report(S.CANCELED)]
        await desk.follow(market)
        (order,) = books()
        assert order.status is S.CANCELED

    async def test_a_fill_between_a_cancellation_and_its_answer_counts(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        clock: Any,
        approve: Approve,
        market: Market,
        report: Report,
    ) -> None:
        broker.submits, broker.lookups = [report(S.OPEN)], [report(S.OPEN)]
        broker.cancels = [report(S.FILLED, ("a", "2", "99.9"))]
        await desk.send(approve("99.9"), market)
        clock.at_ms += 3 * HOUR_MS
        await desk.follow(market)
        assert quantity(ledger) == 2

    async def test_a_cancellation_without_an_answer_is_repeated(
        self, desk: OrderDesk, broker: Any, clock: Any, approve: Approve, market: Market, report: Report, books: Any
    ) -> None:
        broker.submits, broker.lookups = [report(S.OPEN)], [report(S.OPEN)]
        broker.cancels = [AnswerLost("time-out"), report(S.CANCELED, ("a", "0.5", "99.9"))]
        await desk.send(approve("99.9"), market)
        clock.at_ms += 3 * HOUR_MS
        await desk.follow(market)
        (order,) = books()
        assert (order.status, order.filled) == (S.CANCELED, Decimal("0.5"))
        assert len(broker.canceled) == 2

    async def test_one_order_that_cannot_be_asked_about_does_not_keep_others_waiting(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, make_order: Any, market: Market, report: Report
    ) -> None:
        ledger.save_order(make_order("1", status=S.UNKNOWN))
        ledger.save_order(make_order("2", status=S.OPEN))
        broker.lookups = [MarketUnavailable("unknown order"), report(S.FILLED, ("a", "2", "100"))]
        with pytest.raises(MarketUnavailable, match="unknown order"):
            await desk.follow(market)
        assert quantity(ledger) == 2

    async def test_orders_of_other_markets_are_left_to_their_own(
        self, desk: OrderDesk, broker: Any, ledger: SqliteLedger, make_order: Any, market: Market
    ) -> None:
        ledger.save_order(make_order("1", symbol="ETH/USD", status=S.OPEN))
        await desk.follow(market)
        assert not broker.asked


class TestLeaving:
    async def test_a_stop_goes_to_market_with_the_price_that_was_touched(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [report(S.FILLED, ("s", "2", "94.95"))]
        await desk.leave(STOP, market, exits)
        (sent,) = broker.sent
        assert (sent.side, sent.type, sent.purpose, sent.quantity) == (
            Side.SELL,
            OrderType.MARKET,
            Purpose.STOP_LOSS,
            2,
        )
        assert (sent.trigger_price, sent.expires_at_ms, sent.strategy) == (95, None, "macd")
        await desk.leave(STOP, market, exits)
        assert len(broker.sent) == 1, "nothing is held any more"

    async def test_a_take_profit_waits_above_for_as_long_as_it_may(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        await desk.leave(TARGET, market, exits)
        (sent,) = broker.sent
        assert (sent.type, sent.price, sent.trigger_price) == (OrderType.LIMIT, Decimal("110.11"), None)
        assert sent.expires_at_ms == START_MS + 3 * HOUR_MS

    async def test_a_stop_takes_the_place_of_a_take_profit_and_sells_only_what_is_left(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN), report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        broker.cancels = [report(S.CANCELED, ("t", "0.5", "110.11"))]
        await desk.leave(STOP, market, exits)
        waiting, stop = broker.sent
        assert broker.canceled == [waiting.client_order_id]
        assert (stop.type, stop.quantity) == (OrderType.MARKET, Decimal("1.5"))
        await desk.leave(STOP, market, exits)
        assert len(broker.sent) == 2, "one that is under way is not doubled"

    async def test_a_protection_takes_the_place_of_a_take_profit_but_not_of_a_stop(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN), report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        broker.cancels = [report(S.CANCELED)]
        protection = ExitTrigger(Purpose.PROTECTION, Decimal(99), "5.00 % lost today, at most 5 %")
        await desk.leave(protection, market, exits)
        sent = broker.sent[1]
        assert (sent.type, sent.purpose, sent.quantity) == (OrderType.MARKET, Purpose.PROTECTION, 2)
        assert (sent.reason, sent.trigger_price) == (protection.reason, 99)
        await desk.leave(STOP, market, exits)
        await desk.leave(protection, market, exits)
        assert len(broker.sent) == 2, "one that is under way is not doubled"

    async def test_nothing_is_sold_twice_when_the_take_profit_fills_first(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        broker.cancels = [report(S.FILLED, ("t", "2", "110.11"))]
        await desk.leave(STOP, market, exits)
        assert len(broker.sent) == 1

    @pytest.mark.parametrize("still", [S.OPEN, S.PARTIALLY_FILLED, S.CANCELED])
    async def test_nothing_is_sold_until_the_exchange_says_that_the_other_exit_is_over(
        self,
        desk: OrderDesk,
        broker: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
        still: OrderStatus,
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN), report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        untold = {"filled": Decimal(1)} if still is S.CANCELED else {}
        broker.cancels = [report(still, **untold)]
        with pytest.raises(AnswerLost, match="not over yet"):
            await desk.leave(STOP, market, exits)
        assert len(broker.sent) == 1
        broker.cancels = [report(S.CANCELED, ("t", "1", "110.11"))]
        await desk.leave(STOP, market, exits)
        assert broker.sent[1].quantity == 1

    @pytest.mark.parametrize("error", [MarketUnavailable("away"), AnswerLost("time-out")])
    async def test_nothing_is_sold_while_the_exchange_cannot_be_asked(
        self,
        desk: OrderDesk,
        broker: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
        error: Exception,
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        broker.cancels = [error, error]
        with pytest.raises(type(error)):
            await desk.leave(STOP, market, exits)
        assert len(broker.sent) == 1

    async def test_an_exit_that_was_never_sent_ends_without_the_exchange(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report, books: Any
    ) -> None:
        hold("2")
        broker.submits = [MarketUnavailable("away"), report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        await desk.leave(STOP, market, exits)
        assert [order.status for order in books()] == [S.EXPIRED, S.OPEN]
        assert not broker.canceled

    async def test_an_entry_that_still_waits_ends_before_what_is_held_is_sold(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        approve: Approve,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        broker.submits = [report(S.PARTIALLY_FILLED, ("a", "0.5", "99.9")), report(S.OPEN)]
        await desk.send(approve("99.9"), market)
        broker.cancels = [report(S.CANCELED, ("a", "0.5", "99.9"), ("b", "0.3", "99.9"))]
        await desk.leave(STOP, market, exits)
        assert broker.sent[1].quantity == Decimal("0.8")

    async def test_a_stop_that_was_not_sent_is_sent_when_the_exchange_is_back_at_the_price_of_then(
        self, desk: OrderDesk, broker: Any, clock: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [MarketUnavailable("away"), MarketUnavailable("away"), report(S.OPEN)]
        await desk.leave(STOP, market, exits)
        clock.at_ms += FRESH_MS
        await desk.follow(market)
        clock.at_ms += 10 * HOUR_MS
        await desk.follow(market)
        assert [order.trigger_price for order in broker.sent] == [95, 95, None]
        assert len({order.client_order_id for order in broker.sent}) == 1

    async def test_dust_stays(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, books: Any
    ) -> None:
        hold("0.0005")
        await desk.leave(STOP, market, exits)
        await desk.flatten(Decimal(100), market, exits)
        assert not broker.sent
        assert books() == ()

    async def test_no_exit_takes_the_name_of_a_decisions(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report
    ) -> None:
        hold("2")
        broker.submits = [OrderRejected("no"), OrderRejected("no"), report(S.OPEN)]
        for _ in range(3):
            await desk.leave(STOP, market, exits)
        names = [order.client_order_id for order in broker.sent]
        assert len(set(names)) == 3
        assert client_order_id(ACCOUNT, "BTC/USD", START_MS, Purpose.STOP_LOSS) not in names


class TestFinishing:
    async def test_what_a_take_profit_left_goes_to_market_when_its_life_is_over(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        clock: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        hold("2")
        broker.submits = [report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        clock.at_ms += 3 * HOUR_MS
        partly = ("t", "0.5", "110.11")
        broker.lookups = [report(S.PARTIALLY_FILLED, partly)]
        broker.cancels = [report(S.CANCELED, partly)]
        await desk.follow(market)
        (held,) = ledger.positions(ACCOUNT)
        broker.submits = [report(S.OPEN)]
        await desk.finish_exit(held, Decimal(108), market, exits)
        await desk.finish_exit(held, Decimal(108), market, exits)
        first, second = broker.sent
        assert (second.type, second.quantity, second.purpose) == (OrderType.MARKET, Decimal("1.5"), first.purpose)
        assert second.reason == "the limit exit before it was canceled"

    async def test_a_target_touched_again_does_not_wait_again(
        self,
        desk: OrderDesk,
        broker: Any,
        clock: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        hold("2")
        broker.submits, broker.lookups = [report(S.OPEN), report(S.OPEN)], [report(S.OPEN)]
        broker.cancels = [report(S.CANCELED)]
        await desk.leave(TARGET, market, exits)
        clock.at_ms += 3 * HOUR_MS
        await desk.follow(market)
        await desk.leave(TARGET, market, exits)
        assert [order.type for order in broker.sent] == [OrderType.LIMIT, OrderType.MARKET]

    async def test_below_the_entry_price_it_is_a_stop_loss_by_then(
        self,
        desk: OrderDesk,
        broker: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        held = hold("2")
        broker.submits = [OrderRejected("no"), report(S.OPEN)]
        await desk.leave(TARGET, market, exits)
        await desk.finish_exit(held, Decimal("99.99"), market, exits)
        assert broker.sent[1].purpose is Purpose.STOP_LOSS

    async def test_a_refused_exit_is_tried_anew_each_time_and_its_past_stays_written(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, books: Any
    ) -> None:
        held = hold("2")
        broker.submits = [OrderRejected(f"refusal {number}") for number in range(4)]
        await desk.leave(STOP, market, exits)
        for _ in range(3):
            await desk.finish_exit(held, Decimal(94), market, exits)
        assert [order.detail for order in books()] == [f"refusal {number}" for number in range(4)]

    @pytest.mark.parametrize("status", [status for status in S if status is not S.REJECTED])
    async def test_what_is_under_way_or_done_is_not_finished_again(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        make_order: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        status: OrderStatus,
    ) -> None:
        held = hold("2")
        filled = Decimal(2) if status in (S.FILLED, S.CANCELED, S.EXPIRED) else Decimal(0)
        ledger.save_order(make_order("exit", Side.SELL, status=status, filled=filled))
        await desk.finish_exit(held, Decimal(94), market, exits)
        assert not broker.sent

    async def test_without_an_exit_there_is_nothing_to_finish(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        make_order: Any,
        hold: Hold,
        market: Market,
        exits: Any,
    ) -> None:
        held = hold("2")
        before = make_order("of an earlier position", Side.SELL, status=S.CANCELED, created_at_ms=held.opened_at_ms - 1)
        ledger.save_order(before)
        await desk.finish_exit(held, Decimal(94), market, exits)
        assert not broker.sent

    async def test_dust_of_an_old_exit_does_not_sell_what_was_bought_since(
        self,
        desk: OrderDesk,
        broker: Any,
        ledger: SqliteLedger,
        make_order: Any,
        hold: Hold,
        approve: Approve,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        hold("0.0005")
        old = make_order("old exit", Side.SELL, "2", status=S.CANCELED, filled=Decimal("1.9995"))
        ledger.save_order(old)
        broker.submits = [report(S.FILLED, ("a", "2", "100"))]
        await desk.send(approve(), market)
        (held,) = ledger.positions(ACCOUNT)
        await desk.finish_exit(held, Decimal(101), market, exits)
        assert len(broker.sent) == 1
        assert quantity(ledger) == Decimal("2.0005")

    @pytest.mark.parametrize("known_by", ["never sent", "never arrived"])
    async def test_a_take_profit_whose_life_passed_unsent_goes_to_market(
        self,
        desk: OrderDesk,
        broker: Any,
        clock: Any,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
        books: Any,
        known_by: str,
    ) -> None:
        held = hold("2")
        lost = known_by == "never arrived"
        broker.submits = [AnswerLost("time-out") if lost else MarketUnavailable("away"), report(S.OPEN)]
        broker.lookups = [None] if lost else []
        await desk.leave(TARGET, market, exits)
        clock.at_ms += 3 * HOUR_MS
        await desk.follow(market)
        await desk.finish_exit(held, Decimal(109), market, exits)
        assert [(order.type, order.status) for order in books()] == [
            (OrderType.LIMIT, S.EXPIRED),
            (OrderType.MARKET, S.OPEN),
        ]


class TestFlattening:
    async def test_it_ends_what_is_open_and_sells_what_is_held_late_fills_included(
        self,
        desk: OrderDesk,
        broker: Any,
        approve: Approve,
        hold: Hold,
        market: Market,
        exits: ExitSettings,
        report: Report,
    ) -> None:
        hold("1")
        broker.submits = [report(S.OPEN), report(S.OPEN)]
        await desk.send(approve("99.9"), market)
        broker.cancels = [report(S.CANCELED, ("a", "0.25", "99.9"))]
        await desk.flatten(Decimal(98), market, exits)
        sold = broker.sent[1]
        assert (sold.purpose, sold.type, sold.quantity) == (Purpose.FLATTEN, OrderType.MARKET, Decimal("1.25"))
        assert sold.trigger_price == 98

    async def test_what_was_not_sent_is_not_sent_any_more(
        self, desk: OrderDesk, broker: Any, approve: Approve, market: Market, exits: ExitSettings, books: Any
    ) -> None:
        broker.submits = [MarketUnavailable("away")]
        await desk.send(approve(), market)
        await desk.flatten(Decimal(98), market, exits)
        (order,) = books()
        assert (order.status, order.detail) == (S.EXPIRED, "not sent: the user flattens")

    async def test_again_at_the_same_moment_after_a_refusal_is_a_new_order(
        self, desk: OrderDesk, broker: Any, hold: Hold, market: Market, exits: ExitSettings, report: Report, books: Any
    ) -> None:
        hold("1")
        broker.submits = [OrderRejected("no"), report(S.FILLED, ("s", "1", "98"))]
        await desk.flatten(Decimal(98), market, exits)
        await desk.flatten(Decimal(98), market, exits)
        assert [order.status for order in books()] == [S.REJECTED, S.FILLED]

    async def test_with_nothing_there_nothing_happens(
        self, desk: OrderDesk, broker: Any, market: Market, exits: ExitSettings
    ) -> None:
        await desk.flatten(Decimal(98), market, exits)
        assert not broker.sent
