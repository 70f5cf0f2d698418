"""The ledger on a real file: decisions once, orders durable, fills once, positions and round trips from fills."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import HISTORY, LOSSES_IN_A_ROW, RECENT, SqliteLedger
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.views.bookkeeping import check_books
from autopilot.domain.decision import Action
from autopilot.domain.errors import StoreCorrupt, StoreError
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.passed_candles import PassedCandles, PassReason
from autopilot.domain.portfolio import SymbolRecord
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

ACCOUNT = "paper:simulated"
START_MS = 1_714_521_600_000


def test_a_candle_is_decided_once(ledger, make_decision, make_mark) -> None:
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.H1) is None
    assert ledger.record_decision(make_decision(0), make_mark())
    assert ledger.record_decision(make_decision(2), make_mark(START_MS + 1))
    assert not ledger.record_decision(make_decision(2, action=Action.SIGNAL), make_mark(START_MS + 2))
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.H1) == START_MS + 2 * HOUR_MS
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.M15) is None
    assert ledger.last_decided_at_ms(ACCOUNT, "ETH/USD", Timeframe.H1) is None
    assert ledger.last_decided_at_ms("paper:other", "BTC/USD", Timeframe.H1) is None
    assert ledger.equity_mark(ACCOUNT, "USD") == make_mark(START_MS + 1), "the refused one wrote nothing"


def test_candles_that_are_passed_over_are_not_decided_later_and_runs_of_them_are_one(ledger, database) -> None:
    def passed(hour: int, code: PassReason = PassReason.HISTORY_TOO_SHORT, candles: int = 1) -> PassedCandles:
        last_ms = START_MS + hour * HOUR_MS
        first_ms = last_ms - (candles - 1) * HOUR_MS
        return PassedCandles(
            ACCOUNT, "kraken", "BTC/USD", Timeframe.H1, first_ms, last_ms, candles, last_ms + 1, code, f"at {hour}"
        )

    assert ledger.pass_over(passed(3, PassReason.MISSED, candles=3))
    assert ledger.pass_over(passed(4)), "for another reason"
    assert not ledger.pass_over(passed(5))
    assert not ledger.pass_over(passed(7, candles=2))
    assert ledger.pass_over(passed(9)), "one was decided between"
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.H1) == START_MS + 9 * HOUR_MS
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.M15) is None
    assert ledger.last_decided_at_ms("paper:other", "BTC/USD", Timeframe.H1) is None
    rows = database.rows("SELECT * FROM passed_candles ORDER BY last_at_ms")
    assert [(row["candles"], row["code"], row["detail"]) for row in rows] == [
        (3, "MISSED", "at 3"),
        (4, "HISTORY_TOO_SHORT", "at 7"),
        (1, "HISTORY_TOO_SHORT", "at 9"),
    ]
    assert (rows[1]["first_at_ms"], rows[1]["last_at_ms"]) == (START_MS + 4 * HOUR_MS, START_MS + 7 * HOUR_MS)


def test_two_candles_whose_short_ids_happen_to_be_equal_are_both_decided(ledger, make_decision, make_mark) -> None:
    assert ledger.record_decision(make_decision(0), make_mark())
    assert ledger.record_decision(make_decision(1, id=make_decision(0).id), make_mark())


def test_the_last_price_is_that_of_the_last_candle_decided(ledger, make_decision, make_mark) -> None:
    assert ledger.last_price(ACCOUNT, "BTC/USD") is None
    for hour in (3, 5, 4):
        ledger.record_decision(make_decision(hour), make_mark())
    ledger.record_decision(make_decision(9, "ETH/USD"), make_mark())
    assert ledger.last_price(ACCOUNT, "BTC/USD") == 105.0


def test_decision_order_and_mark_are_one(ledger, make_decision, make_mark, make_order) -> None:
    order = make_order("one")
    assert ledger.record_decision(make_decision(0, action=Action.ORDER, order=order), make_mark())
    assert ledger.order("one") == order
    assert ledger.open_orders(ACCOUNT) == (order,)


def test_an_intent_that_exists_is_never_made_again(ledger, make_decision, make_mark, make_order) -> None:
    """Such as when a symbol is started again at another timeframe, and candles of both close at the same moment."""
    done = make_order("one", status=OrderStatus.FILLED, filled=Decimal("1.5"))
    ledger.save_order(done)
    again = make_decision(0, timeframe=Timeframe.M15, action=Action.ORDER, order=make_order("one"))
    assert not ledger.record_decision(again, make_mark())
    assert ledger.order("one") == done
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.M15) is None
    assert ledger.equity_mark(ACCOUNT, "USD") is None


def test_all_of_a_decision_is_undone_when_a_part_cannot_be_stored(
    database: Database, ledger, make_decision, make_mark, make_order
) -> None:
    database.connection.execute("CREATE TRIGGER no BEFORE INSERT ON equity BEGIN SELECT RAISE(ABORT, 'refused'); END")
    with pytest.raises(StoreError, match="refused"):
        ledger.record_decision(make_decision(0, action=Action.ORDER, order=make_order("one")), make_mark())
    assert ledger.order("one") is None
    assert ledger.last_decided_at_ms(ACCOUNT, "BTC/USD", Timeframe.H1) is None
    database.connection.execute("DROP TRIGGER no")
    assert ledger.record_decision(make_decision(0, action=Action.ORDER, order=make_order("one")), make_mark())


def test_only_what_is_about_money_waits_for_the_disk(
    database: Database, ledger, make_decision, make_mark, make_order, make_fill
) -> None:
    said: list[str] = []
    database.connection.set_trace_callback(said.append)

    def durable() -> bool:
        """The latest word on it, at the latest commit."""
        assert said[-1] == "COMMIT"
        return [sql for sql in said if "synchronous" in sql][-1].endswith("FULL")

    order = make_order("one")
    ledger.record_decision(make_decision(0), make_mark())
    assert not durable()
    ledger.record_decision(make_decision(1, order=order, action=Action.ORDER), make_mark())
    assert durable()
    ledger.record_decision(make_decision(2), make_mark())
    assert not durable()
    ledger.save_order(order)
    assert durable()
    ledger.record_decision(make_decision(3), make_mark())
    ledger.apply_fills(order, [make_fill(order, 0, "1", "100")])
    assert durable()


def test_an_order_comes_back_as_it_went(ledger, make_order) -> None:
    market = make_order(
        "market",
        type=OrderType.MARKET,
        side=Side.SELL,
        purpose=Purpose.STOP_LOSS,
        quantity=Decimal("0.00000001"),
        price=None,
        expires_at_ms=None,
        decision_id="3f2a9c01de",
        trigger_price=Decimal("97.123456789012345678901234567"),
        stop=None,
        target=None,
        exchange_order_id="X-1",
        detail='it said "no"\n',
    )
    limit = make_order("limit", quantity=Decimal("1E+3"), price=Decimal("1E-12"))
    for order in (market, limit):
        ledger.save_order(order)
        assert ledger.order(order.client_order_id) == order
    assert ledger.order("another") is None
    moved = market.to(OrderStatus.SUBMITTED, START_MS + 1).to(OrderStatus.REJECTED, START_MS + 2, detail="too small")
    ledger.save_order(moved)
    assert ledger.order("market") == moved


def test_open_orders_are_those_that_are_not_final_oldest_first(ledger, make_order) -> None:
    for number, status in enumerate(OrderStatus):
        ledger.save_order(make_order(f"{status}", status=status, created_at_ms=START_MS - number))
    ledger.save_order(make_order("ether", symbol="ETH/USD", created_at_ms=START_MS + 1))
    ledger.save_order(make_order("elsewhere", account="paper:other"))
    expected = ["partially_filled", "open", "unknown", "submitted", "new"]
    assert [order.client_order_id for order in ledger.open_orders(ACCOUNT, "BTC/USD")] == expected
    assert [order.client_order_id for order in ledger.open_orders(ACCOUNT)] == [*expected, "ether"]


def test_the_last_exit_is_the_latest_sell_since(ledger, make_order) -> None:
    assert ledger.last_exit(ACCOUNT, "BTC/USD", 0) is None
    ledger.save_order(make_order("buy", created_at_ms=START_MS + 9))
    ledger.save_order(make_order("first", side=Side.SELL, status=OrderStatus.EXPIRED))
    ledger.save_order(make_order("second", side=Side.SELL, created_at_ms=START_MS + 5))
    ledger.save_order(make_order("ether", side=Side.SELL, symbol="ETH/USD", created_at_ms=START_MS + 7))
    assert ledger.last_exit(ACCOUNT, "BTC/USD", START_MS).client_order_id == "second"
    assert ledger.last_exit(ACCOUNT, "BTC/USD", START_MS + 6) is None


def test_fills_make_a_position_and_a_round_trip(ledger, make_order, make_fill) -> None:
    entry = make_order("entry", decision_id="3f2a9c01de")
    ledger.save_order(entry)
    first, second = make_fill(entry, 0, "0.5", "100"), make_fill(entry, 1, "1.0", "97")
    part = entry.to(OrderStatus.SUBMITTED, START_MS).to(OrderStatus.PARTIALLY_FILLED, START_MS, filled=Decimal("0.5"))
    assert ledger.apply_fills(part, [first]) == (first,)
    full = part.to(OrderStatus.FILLED, START_MS + 1, filled=Decimal("1.5"))
    assert ledger.apply_fills(full, [second, first]) == (second,), "the first is known"
    assert ledger.apply_fills(full, [first, second]) == ()
    assert ledger.order("entry") == full
    (held,) = ledger.positions(ACCOUNT)
    assert (held.quantity, held.entry_price, held.cost) == (Decimal("1.5"), Decimal(98), Decimal("147.2"))
    assert (held.stop, held.target, held.strategy) == (Decimal("97.5"), Decimal(105), "macd")
    assert (held.decision_id, held.opened_at_ms) == ("3f2a9c01de", START_MS)

    leave = make_order(
        "exit", side=Side.SELL, purpose=Purpose.TAKE_PROFIT, status=OrderStatus.OPEN, created_at_ms=START_MS + 10
    )
    sold = leave.to(OrderStatus.FILLED, START_MS + 12, filled=Decimal("1.5"))
    late_first = [make_fill(leave, 2, "1.0", "105"), make_fill(leave, 1, "0.5", "104")]
    assert ledger.apply_fills(sold, late_first) == tuple(reversed(late_first)), "in the order of time"
    assert ledger.positions(ACCOUNT) == ()


def test_a_round_trip_holds_what_went_in_and_out(database: Database, ledger, make_order, make_fill) -> None:
    entry = make_order("entry", decision_id="3f2a9c01de", status=OrderStatus.OPEN)
    leave = make_order("exit", side=Side.SELL, purpose=Purpose.STOP_LOSS, status=OrderStatus.OPEN)
    ledger.apply_fills(entry, [make_fill(entry, 0, "1.5", "100")])
    ledger.apply_fills(leave, [make_fill(leave, 5, "0.5", "97"), make_fill(leave, 6, "1", "94")])
    (row,) = database.rows("SELECT * FROM round_trips")
    trip = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row iterates over its values
    net = Decimal("0.5") * 97 + 94 - 150 - Decimal("0.3")
    assert Decimal(trip.pop("net")) == net
    amounts = ("quantity", "entry_price", "exit_price", "fees", "written_off")
    assert {name: Decimal(trip.pop(name)) for name in amounts} == {
        "quantity": Decimal("1.5"),
        "entry_price": Decimal(100),
        "exit_price": Decimal(95),
        "fees": Decimal("0.3"),
        "written_off": Decimal(0),
    }
    assert trip == {
        "id": 1,
        "account": ACCOUNT,
        "symbol": "BTC/USD",
        "strategy": "macd",
        "decision_id": "3f2a9c01de",
        "opened_at_ms": START_MS,
        "closed_at_ms": START_MS + 6,
        "exit_purpose": "stop_loss",
    }


MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))


def almost_sold(ledger, make_order, make_fill, rest: str, **changes: Any) -> tuple[Order, Fill]:
    """What an exit at the stop, which leaves ``rest``, will have been told."""
    entry = make_order("entry", status=OrderStatus.FILLED)
    ledger.apply_fills(entry, [make_fill(entry, 0, "1.5", "100", fee_currency="BTC", fee=Decimal("0.0001"))])
    moment = {"created_at_ms": START_MS + 10, "updated_at_ms": START_MS + 30}
    leave = make_order(
        "exit",
        side=Side.SELL,
        purpose=Purpose.STOP_LOSS,
        **{"status": OrderStatus.CANCELED, **moment, **changes},
    )
    return leave, make_fill(leave, 5, str(Decimal("1.4999") - Decimal(rest)), "97")


def test_what_cannot_be_sold_ends_with_the_exit_that_left_it(path, ledger, make_order, make_fill) -> None:
    leave, sold = almost_sold(ledger, make_order, make_fill, "0.0009")
    for _ in range(2):
        ledger.apply_fills(leave, [sold], MARKET)
        assert ledger.positions(ACCOUNT) == ()
        (trip,) = ledger.round_trips_since(ACCOUNT, 0)
        assert (trip.written_off, trip.quantity, trip.closed_at_ms) == (
            Decimal("0.0009"),
            Decimal("1.4990"),
            START_MS + 30,
        )
        assert trip.net == sold.value - sold.fee - 150, "what is left is lost"
        history = ledger.symbol_history(ACCOUNT, "BTC/USD", START_MS)
        assert (history.last_stop_loss_at_ms, history.consecutive_losses) == (START_MS + 30, 1)
        assert check_books(path).disagreements == ()
    again = make_order("again", status=OrderStatus.FILLED, created_at_ms=START_MS + 40)
    ledger.apply_fills(again, [make_fill(again, 0, "0.5", "100")], MARKET)
    (held,) = ledger.positions(ACCOUNT)
    assert (held.quantity, held.cost, held.opened_at_ms) == (Decimal("0.5"), Decimal("50.1"), START_MS + 40)
    assert check_books(path).disagreements == ()


@pytest.mark.parametrize(
    ("rest", "changes"),
    [
        ("0.001", {}),
        ("0.0009", {"status": OrderStatus.PARTIALLY_FILLED}),
        ("0.0009", {"created_at_ms": START_MS - 1}),
        ("-0.0001", {}),
    ],
    ids=["it can be sold", "its exit goes on", "an exit of an earlier position", "too much was sold"],
)
def test_what_else_is_left_is_held_on(ledger, make_order, make_fill, rest: str, changes: dict[str, Any]) -> None:
    leave, sold = almost_sold(ledger, make_order, make_fill, rest, **changes)
    ledger.apply_fills(leave, [sold], MARKET)
    (held,) = ledger.positions(ACCOUNT)
    assert held.quantity == Decimal(rest)
    assert ledger.round_trips_since(ACCOUNT, 0) == ()


def test_an_entry_that_ends_with_too_little_is_not_written_off(ledger, make_order, make_fill) -> None:
    entry = make_order("entry", status=OrderStatus.CANCELED)
    ledger.apply_fills(entry, [make_fill(entry, 0, "0.0009", "100")], MARKET)
    assert len(ledger.positions(ACCOUNT)) == 1


def test_the_end_of_an_exit_and_what_it_leaves_are_stored_together_or_not_at_all(
    database: Database, ledger, make_order, make_fill
) -> None:
    leave, sold = almost_sold(ledger, make_order, make_fill, "0.0009")
    database.connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON round_trips BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    )
    before = ledger.positions(ACCOUNT)
    with pytest.raises(StoreError, match="full"):
        ledger.apply_fills(leave, [sold], MARKET)
    assert (ledger.order("exit"), ledger.positions(ACCOUNT)) == (None, before)
    database.connection.execute("DROP TRIGGER full")
    assert ledger.apply_fills(leave, [sold], MARKET) == (sold,)
    assert ledger.positions(ACCOUNT) == ()


def test_round_trips_of_before_wrote_nothing_off(path: Path) -> None:
    old = open_database(path, MIGRATIONS[:5])
    old.connection.execute(
        "INSERT INTO round_trips VALUES (1, ?, 'BTC/USD', 'macd', NULL, '1', '100', '90', '0', '-10', 1, 2,"
        " 'stop_loss')",
        (ACCOUNT,),
    )
    old.close()
    database = open_database(path)
    (trip,) = SqliteLedger(database).round_trips_since(ACCOUNT, 0)
    assert (trip.net, trip.written_off) == (-10, 0)
    database.close()


def test_the_filled_amount_is_the_sum_of_the_fills_that_are_known(ledger, make_order, make_fill) -> None:
    order = make_order("one", status=OrderStatus.PARTIALLY_FILLED, filled=Decimal("1.2"))
    ledger.apply_fills(order, [make_fill(order, 0, "0.5", "100")])
    assert ledger.order("one").filled == Decimal("0.5")
    ledger.apply_fills(replace(order, filled=Decimal("0.1")), [make_fill(order, 1, "0.7", "100")])
    assert ledger.order("one").filled == Decimal("1.2")


def test_a_fee_in_coins_leaves_less_to_sell(ledger, make_order, make_fill) -> None:
    entry = make_order("entry", status=OrderStatus.OPEN)
    fee = {"fee": Decimal("0.0015"), "fee_currency": "BTC"}
    ledger.apply_fills(entry, [make_fill(entry, 0, "1.5", "100", **fee)])
    (held,) = ledger.positions(ACCOUNT)
    assert held.quantity == Decimal("1.4985")


def test_a_fill_of_an_order_that_is_refused_changes_nothing(ledger, make_order, make_fill) -> None:
    order = make_order("one", status=OrderStatus.OPEN)
    with pytest.raises(StoreError):
        ledger.apply_fills(
            order, [make_fill(order, 0, "0.5", "100"), make_fill(make_order("never stored"), 1, "1", "100")]
        )
    assert ledger.order("one") is None
    assert ledger.positions(ACCOUNT) == ()


def close(ledger, make_order, make_fill, number: int, gain: str, purpose: Purpose = Purpose.TAKE_PROFIT) -> int:
    """One round trip that nets ``gain``; when it closed."""
    at_ms = START_MS + number * HOUR_MS
    entry = make_order(f"in {number}", status=OrderStatus.FILLED, created_at_ms=at_ms)
    leave = make_order(
        f"out {number}", side=Side.SELL, purpose=purpose, status=OrderStatus.FILLED, created_at_ms=at_ms + 60_000
    )
    free = {"fee": Decimal(0)}
    ledger.apply_fills(entry, [make_fill(entry, 0, "1", "100", **free)])
    ledger.apply_fills(leave, [make_fill(leave, 1, "1", str(100 + Decimal(gain)), **free)])
    return at_ms + 60_001


def test_history_knows_the_last_stop_and_the_losses_in_a_row(ledger, make_order, make_fill) -> None:
    assert ledger.symbol_history(ACCOUNT, "BTC/USD", START_MS) == SymbolRecord()

    def history() -> tuple[int | None, int, int | None]:
        found = ledger.symbol_history(ACCOUNT, "BTC/USD", START_MS)
        return found.last_stop_loss_at_ms, found.consecutive_losses, found.last_loss_at_ms

    stopped = close(ledger, make_order, make_fill, 0, "-2", Purpose.STOP_LOSS)
    assert history() == (stopped, 1, stopped)
    lost = close(ledger, make_order, make_fill, 1, "-0.01")
    assert history() == (stopped, 2, lost)
    close(ledger, make_order, make_fill, 2, "0")
    assert history() == (stopped, 0, lost), "what loses nothing ends the row"
    close(ledger, make_order, make_fill, 3, "5")
    again = close(ledger, make_order, make_fill, 4, "-1", Purpose.STOP_LOSS)
    assert history() == (again, 1, again)
    assert ledger.symbol_history(ACCOUNT, "ETH/USD", START_MS) == SymbolRecord()
    assert ledger.symbol_history("paper:other", "BTC/USD", START_MS) == SymbolRecord()


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({"status": OrderStatus.NEW}, True),
        ({"status": OrderStatus.FILLED}, True),
        ({"status": OrderStatus.CANCELED}, True),
        ({"status": OrderStatus.EXPIRED}, True),
        ({"status": OrderStatus.REJECTED}, False),
        ({"purpose": Purpose.STOP_LOSS, "side": Side.SELL}, False),
        ({"created_at_ms": START_MS - 1}, False),
        ({"created_at_ms": START_MS + DAY_MS}, True),
        ({"symbol": "ETH/USD"}, False),
        ({"account": "paper:other"}, False),
    ],
)
def test_trades_today_are_the_entries_approved_since_the_day_began(ledger, make_order, changes, counts) -> None:
    ledger.save_order(make_order("one", **changes))
    assert ledger.symbol_history(ACCOUNT, "BTC/USD", START_MS).trades_today == int(counts)


def test_the_equity_mark_is_the_latest_of_each_currency(ledger, make_decision, make_mark) -> None:
    euros = make_mark(START_MS + 1, currency="EUR", equity=Decimal("1.005"), free=Decimal("0.000"))
    later = make_mark(START_MS + 2, equity=Decimal("9999.999999999999"))
    for hour, mark in enumerate((make_mark(), euros, later)):
        ledger.record_decision(make_decision(hour), mark)
    assert ledger.equity_mark(ACCOUNT, "USD") == later
    assert ledger.equity_mark(ACCOUNT, "EUR") == euros
    assert ledger.equity_mark(ACCOUNT, "JPY") is None


@pytest.mark.parametrize(
    ("column", "value"), [("quantity", "one and a half"), ("status", "dreaming"), ("price", ""), ("side", "buy ")]
)
def test_a_row_that_makes_no_sense_is_damage(path: Path, database, ledger, make_order, column, value) -> None:
    ledger.save_order(make_order("one"))
    database.connection.execute("PRAGMA ignore_check_constraints = ON")
    database.connection.execute(f"UPDATE orders SET {column} = ?", (value,))
    with pytest.raises(StoreCorrupt) as caught:
        ledger.order("one")
    assert caught.value.hint


@pytest.mark.parametrize(
    "question",
    [
        "SELECT * FROM orders WHERE account = 'a' AND symbol = 'b' AND status NOT IN"
        " ('filled', 'canceled', 'rejected', 'expired')",
        "SELECT max(candle_at_ms) FROM decisions WHERE account = 'a' AND symbol = 'b' AND timeframe = '1h'",
        "SELECT count(*) FROM orders WHERE account = 'a' AND symbol = 'b' AND created_at_ms >= 1",
        "SELECT max(closed_at_ms) FROM round_trips WHERE account = 'a' AND symbol = 'b'",
        "SELECT quantity FROM fills WHERE client_order_id = 'a'",
    ],
)
def test_what_every_cycle_asks_is_answered_by_an_index(database: Database, question: str) -> None:
    plan = [row["detail"] for row in database.rows(f"EXPLAIN QUERY PLAN {question}")]
    assert plan
    assert all(step.startswith("SEARCH") for step in plan), plan


def test_everything_is_there_after_opening_again(
    path: Path, database, ledger, make_decision, make_mark, make_order, make_fill
) -> None:
    order = make_order("one", status=OrderStatus.FILLED)
    ledger.record_decision(make_decision(0, order=make_order("one"), action=Action.ORDER), make_mark())
    ledger.apply_fills(order, [make_fill(order, 0, "1.5", "99.9")])
    before = ledger.positions(ACCOUNT), ledger.order("one"), ledger.equity_mark(ACCOUNT, "USD")
    database.close()
    again = SqliteLedger(open_database(path))
    assert (again.positions(ACCOUNT), again.order("one"), again.equity_mark(ACCOUNT, "USD")) == before
    assert again.apply_fills(order, [make_fill(order, 0, "1.5", "99.9")]) == ()


def test_recent_round_trips_are_those_of_the_account_by_their_end(ledger, make_order, make_fill) -> None:
    early, late = (close(ledger, make_order, make_fill, number, "-2", Purpose.STOP_LOSS) for number in (0, 1))
    assert [trip.closed_at_ms for trip in ledger.round_trips_since(ACCOUNT, early)] == [early, late]
    (trip,) = ledger.round_trips_since(ACCOUNT, early + 1)
    assert (trip.symbol, trip.net, trip.closed_at_ms) == ("BTC/USD", Decimal(-2), late)
    assert trip.exit_purpose is Purpose.STOP_LOSS
    assert ledger.round_trips_since("paper:other", 0) == ()


@pytest.mark.parametrize("sql", [HISTORY, LOSSES_IN_A_ROW, RECENT])
def test_the_past_is_looked_up_by_an_index(database, sql) -> None:
    """At every decision: the cost must not grow with the years."""
    plan = database.rows(f"EXPLAIN QUERY PLAN {sql}", (ACCOUNT, "BTC/USD", "stop_loss")[: sql.count("?3") + 2])
    steps = [row["detail"] for row in plan if "round_trips" in row["detail"]]
    assert steps
    assert all("SEARCH" in step and "INDEX round_trips_by_symbol" in step for step in steps), steps


REFUSED = {"side": Side.SELL, "status": OrderStatus.REJECTED}


def test_refused_exits_count_since_the_last_order_that_was_accepted(ledger, make_order, make_fill) -> None:
    """In the order of storing: the clock was set back on the way."""
    buy = make_order("buy", status=OrderStatus.FILLED, filled=Decimal(1), exchange_order_id="X1")
    ledger.apply_fills(buy, [make_fill(buy, 1, "1", "100")])
    (position,) = ledger.positions(buy.account)
    assert ledger.refused_exit(position) is None
    for number, at_ms in enumerate((9_000, 5_000, 7_000)):
        ledger.save_order(make_order(f"no-{number}", **REFUSED, created_at_ms=at_ms, detail=f"words {number}"))
    ledger.save_order(make_order("unsent", side=Side.SELL, status=OrderStatus.EXPIRED, created_at_ms=1))
    found = ledger.refused_exit(position)
    assert (found.attempts, found.first.created_at_ms, found.last.detail) == (3, 9_000, "words 2")
    ledger.save_order(make_order("open", side=Side.SELL, status=OrderStatus.CANCELED, exchange_order_id="X2"))
    assert ledger.refused_exit(position) is None
    ledger.save_order(make_order("again", **REFUSED, exchange_order_id="X3", detail="failed there"))
    assert ledger.refused_exit(position).attempts == 1


def test_a_refused_stop_order_and_a_refused_sale_are_counted_apart(ledger, make_order, make_fill) -> None:
    buy = make_order("buy", status=OrderStatus.FILLED, filled=Decimal(1), exchange_order_id="X1")
    ledger.apply_fills(buy, [make_fill(buy, 1, "1", "100")])
    (position,) = ledger.positions(buy.account)
    for number in range(3):
        ledger.save_order(make_order(f"stop-{number}", **REFUSED, type=OrderType.STOP))
    found = ledger.refused_exit(position)
    assert (found.is_stop, found.attempts) == (True, 3)
    ledger.save_order(make_order("sale", **REFUSED))
    found = ledger.refused_exit(position)
    assert (found.is_stop, found.attempts) == (False, 1)
