"""The documents that status, lists and summaries are made of."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from document_shapes import disagreements

from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.views import queries
from autopilot.adapters.store.views.status import status_document
from autopilot.domain.decision import Action
from autopilot.domain.document_types import (
    BriefDecisionDocument,
    DecisionDocument,
    OrderDocument,
    PositionDocument,
    TradeDocument,
)
from autopilot.domain.documents import document
from autopilot.domain.errors import NotFound, StoreUnavailable
from autopilot.domain.market import MarketKind
from autopilot.domain.order import OrderStatus, OrderType, Purpose, Side
from autopilot.domain.paging import Cursor
from autopilot.domain.signal import SignalType
from autopilot.domain.status_types import StatusDocument
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

ACCOUNT = "paper:simulated"
START_MS = 1_714_521_600_000
BRIEF = json.loads((Path(__file__).parents[2] / "golden/cli/documents/decisions.json").read_text())["decisions"][0]


@pytest.fixture
def history(ledger: SqliteLedger, make_decision, make_mark, make_order, make_fill, denied):
    """Four hours of BTC/USD, one of ETH/USD; a round trip that gained, a position, an order that waits."""
    entry = make_order("entry", decision_id=make_decision(1).id, created_at_ms=START_MS + 2 * HOUR_MS)
    decided = [
        make_decision(0),
        make_decision(1, signal_type=SignalType.BUY, action=Action.ORDER, order=entry),
        make_decision(2, signal_type=SignalType.SELL, action=Action.SIGNAL),
        make_decision(3, signal_type=SignalType.BUY, action=Action.DENIED, denied=denied),
        make_decision(3, "ETH/USD"),
    ]
    for decision in decided:
        assert ledger.record_decision(decision, make_mark(decision.decided_at_ms))
    ledger.apply_fills(replace(entry, status=OrderStatus.FILLED), [make_fill(entry, 0, "1.5", "100")])
    leave = make_order(
        "exit",
        side=Side.SELL,
        purpose=Purpose.TAKE_PROFIT,
        status=OrderStatus.FILLED,
        created_at_ms=START_MS + 3 * HOUR_MS,
    )
    ledger.apply_fills(leave, [make_fill(leave, 0, "1.5", "104")])
    ether = make_order("ether", symbol="ETH/USD", status=OrderStatus.FILLED, created_at_ms=START_MS + HOUR_MS)
    ledger.apply_fills(ether, [make_fill(ether, 0, "2", "10")])
    ledger.save_order(make_order("waits", status=OrderStatus.OPEN, created_at_ms=START_MS + 4 * HOUR_MS))
    ledger.save_order(make_order("refused", status=OrderStatus.REJECTED, created_at_ms=START_MS + 4 * HOUR_MS))
    return decided


def hours(listed: list[dict]) -> list[tuple[str, int]]:
    return [(item["symbol"][:3], (item["candle_at_ms"] - START_MS) // HOUR_MS) for item in listed]


def test_a_decision_in_brief_is_what_the_screens_expect(path, history) -> None:
    brief = queries.decisions(path, action="denied")["decisions"][0]
    assert list(brief) == list(BRIEF)
    assert brief == {
        **brief,
        "id": history[3].id,
        "regime": "trending_up",
        "group": "trend_following",
        "strategy": "macd",
        "decided_by": "rules",
        "confidence": 0.615,
        "signal_type": "buy",
        "price": 103.0,
        "action": "denied",
        "denied_code": "CONFIDENCE_BELOW_THRESHOLD",
        "denied_detail": "confidence 0.62 is below the threshold of 0.75",
        "order_id": None,
    }


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, [("ETH", 3), ("BTC", 3), ("BTC", 2), ("BTC", 1), ("BTC", 0)]),
        ({"symbol": "BTC/USD"}, [("BTC", 3), ("BTC", 2), ("BTC", 1), ("BTC", 0)]),
        ({"symbol": "XRP/USD"}, []),
        ({"limit": 2}, [("ETH", 3), ("BTC", 3)]),
        ({"action": "hold"}, [("ETH", 3), ("BTC", 0)]),
        ({"action": "hold", "symbol": "BTC/USD"}, [("BTC", 0)]),
        ({"before": Cursor(START_MS + 2 * HOUR_MS)}, [("BTC", 1), ("BTC", 0)]),
        ({"before": Cursor(START_MS)}, []),
    ],
)
def test_decisions_are_listed_latest_first(path, history, asked, expected) -> None:
    assert hours(queries.decisions(path, **asked)["decisions"]) == expected


def test_signals_are_the_decisions_that_say_buy_or_sell(path, history) -> None:
    assert hours(queries.signals(path)["signals"]) == [("BTC", 3), ("BTC", 2), ("BTC", 1)]
    assert hours(queries.signals(path, limit=1, before=Cursor(START_MS + 3 * HOUR_MS))["signals"]) == [("BTC", 2)]
    assert queries.signals(path, "ETH/USD") == {"signals": []}


def test_a_whole_decision_is_its_document(path, history) -> None:
    expected = json.loads(json.dumps(document(history[3]))) | {"exits": [], "passed": None, "candles_changed": None}
    assert queries.decision(path, history[3].id) == expected
    assert queries.decision(path, history[3].id[:7].upper()) == expected
    assert queries.decision(path, "BTC/USD") == expected, "the symbol's latest"


@pytest.mark.parametrize(
    ("at_ms", "changes", "told"),
    [
        (3 * HOUR_MS - 1, {}, False),
        (3 * HOUR_MS, {}, True),
        (4 * HOUR_MS - 1, {}, True),
        (4 * HOUR_MS, {}, False),
        (3 * HOUR_MS, {"decision_id": "abc"}, False),
        (3 * HOUR_MS, {"type": OrderType.STOP}, False),
        (3 * HOUR_MS, {"side": Side.BUY}, False),
        (3 * HOUR_MS, {"symbol": "ETH/USD"}, False),
    ],
)
def test_a_decision_tells_what_was_sold_after_it_without_a_signal(
    path, ledger, make_decision, make_mark, make_order, at_ms, changes, told
) -> None:
    ledger.record_decision(make_decision(2), make_mark())
    sale = {"side": Side.SELL, "purpose": Purpose.PROTECTION, "reason": "5.10 % lost today, the limit is 5 %"} | changes
    ledger.save_order(make_order("sale", created_at_ms=START_MS + at_ms, **sale))
    exits = queries.decision(path, "BTC/USD")["exits"]
    assert [(each["purpose"], each["reason"]) for each in exits] == [
        ("protection", "5.10 % lost today, the limit is 5 %")
    ] * int(told)


@pytest.mark.parametrize("ref", ["ffffffffff0", "nonsense", "XRP/USD", "%", "'; DROP TABLE decisions; --"])
def test_a_decision_that_is_not_there(path, history, ref) -> None:
    with pytest.raises(NotFound) as caught:
        queries.decision(path, ref)
    assert repr(ref) in str(caught.value)
    assert caught.value.hint
    assert len(queries.decisions(path)["decisions"]) == 5


def test_the_beginning_of_several_ids_is_not_enough_and_a_whole_id_always_is(path, ledger, make_decision, make_mark):
    for hour, identity in enumerate(["aaaa000000", "aaaa111111", "aaaa0000001", "bbbb000000", "bbbb000000"]):
        ledger.record_decision(make_decision(hour, id=identity), make_mark())
    with pytest.raises(NotFound, match="several"):
        queries.decision(path, "aaaa")
    assert queries.decision(path, "aaaa1")["id"] == "aaaa111111"
    assert queries.decision(path, "aaaa000000")["id"] == "aaaa000000"
    latest = queries.decision(path, "bbbb000000")
    assert latest["candle_at_ms"] == START_MS + 4 * HOUR_MS


def test_orders_are_listed_latest_first_and_the_open_ones_alone(path, history, ledger) -> None:
    listed = queries.orders(path)["orders"]
    assert [order["client_order_id"] for order in listed] == ["refused", "waits", "exit", "entry", "ether"]
    assert listed[3] == json.loads(json.dumps(document(ledger.order("entry"))))
    assert [order["client_order_id"] for order in queries.orders(path, open_only=True)["orders"]] == ["waits"]
    assert [order["client_order_id"] for order in queries.orders(path, "ETH/USD")["orders"]] == ["ether"]
    assert len(queries.orders(path, limit=2)["orders"]) == 2
    assert len(queries.orders(path, before=Cursor(START_MS + 3 * HOUR_MS))["orders"]) == 2


def test_positions_and_trades(path, history, ledger) -> None:
    (held,) = ledger.positions(ACCOUNT)
    assert queries.positions(path) == {"positions": [document(held)]}
    (trade,) = queries.trades(path)["trades"]
    assert trade == {
        "account": ACCOUNT,
        "symbol": "BTC/USD",
        "strategy": "macd",
        "decision_id": history[1].id,
        "quantity": "1.5",
        "entry_price": "100",
        "exit_price": "104",
        "fees": "0.2",
        "net": "5.8",
        "opened_at_ms": START_MS + 2 * HOUR_MS,
        "closed_at_ms": START_MS + 3 * HOUR_MS,
        "exit_purpose": "take_profit",
        "written_off": "0.0",
        "net_pct": 3.8667,
    }
    assert queries.trades(path, "ETH/USD") == {"trades": []}
    assert queries.trades(path, before=Cursor(trade["closed_at_ms"])) == {"trades": []}


def test_documents_are_of_their_types(path, history) -> None:
    assert disagreements(queries.decisions(path)["decisions"], list[BriefDecisionDocument]) == []
    assert disagreements(queries.signals(path)["signals"], list[BriefDecisionDocument]) == []
    assert disagreements(queries.orders(path)["orders"], list[OrderDocument]) == []
    assert disagreements(queries.positions(path)["positions"], list[PositionDocument]) == []
    assert disagreements(queries.trades(path)["trades"], list[TradeDocument]) == []
    for decision in history:
        assert disagreements(queries.decision(path, decision.id), DecisionDocument) == []


def test_an_empty_database_has_empty_answers(path, database) -> None:
    assert queries.decisions(path) == {"decisions": []}
    assert queries.orders(path, open_only=True) == {"orders": []}
    status = status_document(path, 0)
    assert (status["accounts"], status["symbols"]) == ([], [])
    assert status["daemon"]["running"] is False
    assert status["daemon"]["data_dir"] == str(path.parent)


@pytest.fixture
def entries(database) -> None:
    store = SqliteAutopilots(database)
    for number, symbol in enumerate(("ETH/USD", "BTC/USD", "XRP/USD")):
        store.save_autopilot(
            AutopilotEntry(
                symbol=symbol,
                exchange="simulated",
                market=MarketKind.SIMULATED,
                account=ACCOUNT,
                timeframe=Timeframe.H1,
                interval_s=60.0,
                paper_trading=True,
                auto_execute=True,
                running=True,
                started_at_ms=START_MS + number,
            )
        )


def test_the_last_known_status_says_what_each_symbol_was_at(path, database, history, entries, random_candles) -> None:
    candles = random_candles(1, 30)
    SqliteCandles(database).save_candles("simulated", "BTC/USD", candles)
    SqliteCandles(database).save_candles("kraken", "BTC/USD", random_candles(2, 50))
    status = status_document(path, 0)
    assert disagreements(status, StatusDocument) == []
    json.dumps(status)
    ether, bitcoin, ripple = status["symbols"]
    assert [item["symbol"] for item in status["symbols"]] == ["ETH/USD", "BTC/USD", "XRP/USD"]
    assert (bitcoin["state"], bitcoin["running"], bitcoin["price"]) == ("stopped", False, 103.0)
    assert bitcoin["last_decision"] == queries.decisions(path, "BTC/USD", limit=1)["decisions"][0]
    assert bitcoin["last_analysis"]["regime"] == "trending_up"
    assert bitcoin["last_analysis"]["volume_ratio"] is None
    assert bitcoin["selected_strategy"] == {
        "strategy": "macd",
        "group": "trend_following",
        "decided_by": "rules",
        "confidence": 0.615,
    }
    assert bitcoin["strategy_instances"] == ["macd"]
    assert bitcoin["trades_today"] == 2, "the one that was refused does not count"
    assert bitcoin["decisions"] == 4
    assert [order["client_order_id"] for order in bitcoin["open_orders"]] == ["waits"]
    assert (bitcoin["position"], ether["position"]["quantity"]) == (None, "2")
    assert bitcoin["ohlcv_data"] == {
        "candles": 30,
        "first_at_ms": int(candles.open_at_ms[0]),
        "last_at_ms": candles.last_at_ms,
    }
    assert (ripple["price"], ripple["last_decision"], ripple["last_analysis"], ripple["decisions"]) == (
        None,
        None,
        None,
        0,
    )
    golden = json.loads((Path(__file__).parents[2] / "golden/cli/documents/status.json").read_text())
    assert set(bitcoin) >= set(golden["symbols"][0])
    (account,) = status["accounts"]
    assert set(account) >= set(golden["accounts"][0])
    assert (account["market"], account["exchange"], account["paper"]) == ("simulated", "simulated", True)
    assert (account["equity"], account["open_positions"]) == ("10000.00", 1)


def test_trades_of_the_day_before_are_not_todays(path, history, entries, ledger, make_decision, make_mark) -> None:
    ledger.record_decision(make_decision(24), make_mark(START_MS + DAY_MS))
    bitcoin = status_document(path, 0)["symbols"][1]
    assert bitcoin["trades_today"] == 0


def test_queries_answer_beside_a_writer(path, database, ledger, make_order) -> None:
    with database.transaction(durable=True) as connection:
        connection.execute("INSERT INTO paper_balances VALUES ('a', 'USD', '1')")
        assert queries.orders(path) == {"orders": []}
    ledger.save_order(make_order("one"))
    assert len(queries.orders(path)["orders"]) == 1


def test_queries_never_write(path, database, history) -> None:
    before = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
    status_document(path, 0)
    queries.decision(path, "BTC/USD")
    assert (path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()) == before


def test_no_database_is_said_plainly(path) -> None:
    last_known = partial(status_document, now_ms=0)
    for ask in (queries.decisions, last_known, queries.positions):
        with pytest.raises(StoreUnavailable, match="no database"):
            ask(path)


def test_queries_import_nothing_heavy() -> None:
    program = (
        "import sys, autopilot.adapters.store.views.status, autopilot.adapters.store.views.queries\n"
        "heavy = ('numpy', 'pandas', 'sqlite_utils', 'pydantic', 'talib', 'aiohttp', 'ccxt')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout == "[]\n"
