"""The paper exchange, performance samples, sentiment and the running set, on a real file."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.domain.conditions import Regime
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.market import MarketKind
from autopilot.domain.order import OrderReport, OrderStatus
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.ports.broker import PaperChange

ACCOUNT = "paper:simulated"
START_MS = 1_714_521_600_000


def report_of(order, status: OrderStatus, *fills, at_ms: int = START_MS) -> OrderReport:
    filled = sum((fill.quantity for fill in fills), Decimal(0))
    return OrderReport(order.client_order_id, "X-1", status, filled, fills, at_ms, "a detail")


def test_a_new_paper_account_is_empty(database: Database) -> None:
    assert SqlitePaper(database).load_paper(ACCOUNT) == ({}, ())
    assert SqlitePaper(database).find_paper_order(ACCOUNT, "one") is None


def test_the_paper_exchange_remembers_balances_and_orders_exactly(database: Database, make_order, make_fill) -> None:
    paper = SqlitePaper(database)
    first, second = make_order("b"), make_order("a")
    balances = {"USD": Decimal("9999.10"), "BTC": Decimal("0.00000001")}
    opened = report_of(first, OrderStatus.OPEN)
    paper.save_paper(PaperChange(ACCOUNT, balances, ((first, opened),)))
    partly = report_of(second, OrderStatus.PARTIALLY_FILLED, make_fill(second, 0, "0.5", "99.9"))
    paper.save_paper(PaperChange(ACCOUNT, balances | {"USD": Decimal("1E-8")}, ((second, partly),)))
    assert paper.load_paper(ACCOUNT) == (
        {"USD": Decimal("0.00000001"), "BTC": Decimal("0.00000001")},
        ((first, opened), (second, partly)),
    )
    full = report_of(second, OrderStatus.FILLED, *partly.fills, make_fill(second, 1, "1", "99.8", is_maker=False))
    paper.save_paper(PaperChange(ACCOUNT, balances, ((second, full),)))
    assert paper.load_paper(ACCOUNT)[1] == ((first, opened),), "what has ended is not open"
    assert paper.find_paper_order(ACCOUNT, "a") == (second, full)
    assert paper.find_paper_order("paper:other", "a") is None
    assert paper.load_paper("paper:other") == ({}, ())


def test_a_paper_change_is_durable_and_whole(database: Database, make_order) -> None:
    paper, said = SqlitePaper(database), []
    database.connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON paper_orders BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    order = make_order("one")
    change = PaperChange(ACCOUNT, {"USD": Decimal(5)}, ((order, report_of(order, OrderStatus.OPEN)),))
    with pytest.raises(Exception, match="refused"):
        paper.save_paper(change)
    assert paper.load_paper(ACCOUNT) == ({}, ())
    database.connection.execute("DROP TRIGGER no")
    database.connection.set_trace_callback(said.append)
    paper.save_paper(change)
    assert database.row("PRAGMA synchronous")[0] == 2
    assert said.count("COMMIT") == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"client_order_id": 1}', "[" * 100_000])
def test_a_paper_order_that_cannot_be_read_is_damage(database: Database, text: str) -> None:
    database.connection.execute("INSERT INTO paper_orders VALUES (?, 'one', 0, ?, ?)", (ACCOUNT, text, text))
    with pytest.raises(StoreCorrupt):
        SqlitePaper(database).load_paper(ACCOUNT)


def sample(hour: int, symbol: str = "BTC/USD", **changes) -> PerformanceSample:
    made = PerformanceSample(
        exchange="kraken",
        symbol=symbol,
        timeframe=Timeframe.H1,
        candle_at_ms=START_MS + hour * HOUR_MS,
        matured_at_ms=START_MS + (hour + 24) * HOUR_MS,
        regime=Regime.QUIET,
        returns={"macd": 0.1 + 0.2, "rsi": -1 / 3, "grid": 0.0},
    )
    return replace(made, **changes)


def test_samples_come_back_once_oldest_first_and_to_the_last_bit(database: Database) -> None:
    samples = SqliteSamples(database)
    samples.save_samples([sample(3), sample(1), sample(2, "ETH/USD"), sample(2)])
    samples.save_samples([sample(2, returns={"macd": 9.0}), sample(4, timeframe=Timeframe.M5)])
    samples.save_samples([sample(5, exchange="coinbase")])
    samples.save_samples([])
    expected = (sample(1), sample(2), sample(2, "ETH/USD"), sample(3))
    assert samples.load_samples("kraken", Timeframe.H1, 0) == expected
    assert samples.load_samples("kraken", Timeframe.H1, START_MS + 2 * HOUR_MS) == expected[1:]
    assert samples.load_samples("kraken", Timeframe.D1, 0) == ()
    assert samples.sampled_symbols("kraken", Timeframe.H1) == ("BTC/USD", "ETH/USD")
    assert samples.sampled_symbols("kraken", Timeframe.D1) == ()
    assert samples.samples_of("kraken", "BTC/USD", Timeframe.H1, 0, 2) == (sample(1), sample(2))
    assert samples.samples_of("kraken", "BTC/USD", Timeframe.H1, START_MS + 3 * HOUR_MS, 2) == (sample(3),)


def test_sentiment_is_kept_by_name_and_revised(database: Database) -> None:
    store = SqliteSentiment(database)

    def series(name: str, first: int, *values: float) -> SentimentSeries:
        return SentimentSeries(name, START_MS + DAY_MS * np.arange(first, first + len(values)), np.array(values))

    def known(name: str, first: int, last: int) -> list[tuple[int, float]]:
        found = store.load_sentiment(name, START_MS + first * DAY_MS, START_MS + last * DAY_MS)
        assert (found.name, found.known_at_ms.dtype, found.value.dtype) == (name, np.int64, np.float64)
        days = (found.known_at_ms - START_MS) // DAY_MS
        return list(zip(days.tolist(), found.value.tolist(), strict=True))

    assert known("fear_greed", 0, 9) == []
    store.save_sentiment(series("fear_greed", 0, 20.0, 30.0, 40.0))
    store.save_sentiment(series("fear_greed", 2, 41.5, 50.0))
    store.save_sentiment(series("other", 0, 1.0))
    store.save_sentiment(series("fear_greed", 9))
    assert known("fear_greed", 0, 9) == [(0, 20.0), (1, 30.0), (2, 41.5), (3, 50.0)]
    assert known("fear_greed", 1, 2) == [(1, 30.0), (2, 41.5)]


def test_sentiment_and_the_running_set_do_not_break_a_transaction_of_ours(database: Database) -> None:
    database.connection.execute(
        "CREATE TRIGGER no BEFORE INSERT ON sentiment WHEN NEW.value > 100 BEGIN SELECT RAISE(ABORT, 'refused'); END"
    )
    series = SentimentSeries("fear_greed", np.array([1, 2], dtype=np.int64), np.array([50.0, 500.0]))
    with pytest.raises(Exception, match="refused"):
        SqliteSentiment(database).save_sentiment(series)
    assert not database.connection.in_transaction
    assert len(SqliteSentiment(database).load_sentiment("fear_greed", 0, 9).value) == 0


def test_the_running_set_is_kept_in_the_order_it_was_started(database: Database) -> None:
    store = SqliteAutopilots(database)
    assert store.load_autopilots() == ()
    ether = AutopilotEntry(
        symbol="ETH/USD",
        exchange="simulated",
        market=MarketKind.SIMULATED,
        account=ACCOUNT,
        timeframe=Timeframe.H1,
        interval_s=0.5,
        paper_trading=True,
        auto_execute=False,
        running=True,
        started_at_ms=START_MS + 1,
    )
    bitcoin = replace(ether, symbol="BTC/USD", started_at_ms=START_MS, auto_execute=True)
    store.save_autopilot(ether)
    store.save_autopilot(bitcoin)
    assert store.load_autopilots() == (bitcoin, ether)
    stopped = replace(bitcoin, running=False, timeframe=Timeframe.M15)
    store.save_autopilot(stopped)
    assert store.load_autopilots() == (stopped, ether)


def test_a_value_that_was_seen_is_kept_whatever_is_saved_later(database: Database) -> None:
    store = SqliteSentiment(database)
    day_ms, seen_ms = START_MS, START_MS + 5 * HOUR_MS

    def saved(at_ms: int, value: float, seen: int | None) -> None:
        times = np.array([at_ms], dtype=np.int64)
        seen_at_ms = None if seen is None else np.array([seen], dtype=np.int64)
        store.save_sentiment(SentimentSeries("fear_greed", times, np.array([value]), seen_at_ms=seen_at_ms))

    def known() -> list[tuple[int, float, int]]:
        found = store.load_sentiment("fear_greed", 0, START_MS + 9 * DAY_MS)
        assert found.seen_at_ms is not None
        rows = zip(found.known_at_ms.tolist(), found.value.tolist(), found.seen_at_ms.tolist(), strict=True)
        return [(at_ms - START_MS, value, seen and seen - START_MS) for at_ms, value, seen in rows]

    saved(day_ms, 20.0, None)
    saved(day_ms, 25.0, None)
    assert known() == [(0, 25.0, 0)]
    saved(day_ms + DAY_MS, 40.0, seen_ms + DAY_MS)
    saved(day_ms + DAY_MS, 50.0, None)
    saved(day_ms + DAY_MS, 60.0, seen_ms + 2 * DAY_MS)
    late = (DAY_MS, 40.0, DAY_MS + 5 * HOUR_MS)
    assert known() == [(0, 25.0, 0), late]
    assert len(store.load_sentiment("fear_greed", 0, day_ms + DAY_MS + HOUR_MS).value) == 1, "not seen by then"
    assert len(store.load_sentiment("fear_greed", seen_ms + DAY_MS, seen_ms + DAY_MS).value) == 1
