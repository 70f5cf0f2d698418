"""Every breakdown of a period adds up to its result and its fees, to the last digit, whatever was traded."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import an_order

from autopilot.app.backtest.figures import TradedPeriod, period_document
from autopilot.app.report.page import period_page
from autopilot.backtest.books import MemoryBooks
from autopilot.cli.render.backtest import report_screen
from autopilot.cli.render.layout import plain
from autopilot.domain.booking import write_off
from autopilot.domain.candles import Candles
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order, OrderStatus, Purpose, Side
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.performance.account_record import AccountRecord, GoneCoins, Holdings, SymbolCloses, decided_closes
from autopilot.performance.metrics import KEYS, account_metrics, breakdown

START, HOURS = Decimal(10_000), 60 * 24
SYMBOLS = ("BTC/USD", "ETH/USD")
STRATEGIES = ("macd", "rsi", "grid")


def closes(seed: int) -> list[SymbolCloses]:
    random = np.random.default_rng(seed)
    found = []
    for symbol in SYMBOLS:
        close = np.round(100.0 * np.exp(np.cumsum(random.normal(0.0, 0.01, HOURS))), 2)
        at_ms = np.arange(HOURS, dtype=np.int64) * HOUR_MS
        kept = random.random(HOURS) > 0.2
        columns = (at_ms, close, close, close, close, np.ones(HOURS))
        found.append(SymbolCloses(symbol, Candles.from_arrays(Timeframe.H1, *(each[kept] for each in columns)), 5))
    return found


cents = st.integers(1, 10**6).map(lambda number: Decimal(number) / 10_000)
fees = st.tuples(
    st.integers(0, 999).map(lambda number: Decimal(number) / 10_000), st.sampled_from(["USD", "base", "BNB"])
)


@st.composite
def books(draw: st.DrawFn) -> MemoryBooks:
    """Entries, partial sales and exits of both symbols, with fees in quote, base and a third currency."""
    found, held = MemoryBooks(), dict.fromkeys(SYMBOLS, ZERO)
    times = sorted(draw(st.lists(st.integers(6 * HOUR_MS, HOURS * HOUR_MS), max_size=24)))
    for number, at_ms in enumerate(times):
        symbol, strategy = draw(st.sampled_from(SYMBOLS)), draw(st.sampled_from(STRATEGIES))
        fee, currency = draw(fees)
        sells = held[symbol] > 0 and draw(st.booleans())
        part = draw(st.sampled_from([Decimal(1), Decimal("0.5"), Decimal("0.37")]))
        quantity = held[symbol] * part if sells else draw(cents)
        base = symbol.partition("/")[0]
        paid = fee if currency != "base" else fee * quantity / 10
        order = an_order(
            f"order {number}",
            symbol=symbol,
            side=Side.SELL if sells else Side.BUY,
            purpose=Purpose.STOP_LOSS if sells else Purpose.ENTRY,
            quantity=quantity,
            filled=quantity,
            strategy=strategy,
            decision_id=None if sells else f"decision {number}",
            status=OrderStatus.FILLED,
            created_at_ms=at_ms - 1,
            updated_at_ms=at_ms,
        )
        found.apply_fills(order, [filled(order, draw(cents), paid, base if currency == "base" else currency, at_ms)])
        held[symbol] = next((each.quantity for each in found.positions("") if each.symbol == symbol), ZERO)
    return found


def filled(order: Order, price: Decimal, fee: Decimal, currency: str, at_ms: int) -> Fill:
    return Fill(
        fill_id=f"fill of {order.client_order_id}",
        client_order_id=order.client_order_id,
        account=order.account,
        symbol=order.symbol,
        side=order.side,
        quantity=order.quantity,
        price=price,
        fee=fee,
        fee_currency=currency,
        is_maker=False,
        at_ms=at_ms,
    )


def moments(seen: list[SymbolCloses]) -> np.ndarray:
    at_ms = decided_closes(seen)
    return np.append(at_ms[at_ms < HOURS * HOUR_MS], HOURS * HOUR_MS + 1)


def record_of(made: MemoryBooks, seen: list[SymbolCloses], since_ms: int | None) -> AccountRecord:
    at_ms = moments(seen)
    entries = {each.decision_id or "": ("momentum", "quiet") for each in made.orders if each.decision_id}
    trips = sorted(made.round_trips, key=lambda trip: trip.closed_at_ms)
    holdings = Holdings.of(START, SYMBOLS, made.fills, trips, at_ms)
    return AccountRecord.of("USD", START, seen, at_ms, holdings, made.fills, trips, entries, since_ms)


@settings(deadline=None, max_examples=60)
@given(made=books(), seed=st.integers(0, 5), day=st.one_of(st.none(), st.integers(1, 50)))
def test_rows_add_up_to_the_last_digit(made: MemoryBooks, seed: int, day: int | None) -> None:
    record = record_of(made, closes(seed), None if day is None else day * 24 * HOUR_MS)
    found = account_metrics(record)
    for key in KEYS:
        rows = breakdown(record, key)
        assert sum((row.net for row in rows), ZERO) == found.net
        assert sum((row.fees for row in rows), ZERO) == found.fees
        assert sum(row.trades for row in rows) == found.trades
    assert float(record.start_equity + found.net) == pytest.approx(float(record.equity[-1]), rel=1e-9)
    if day is None:
        rests = sum((trip.written_off * trip.entry_price for trip in made.round_trips), ZERO)
        assert abs(found.fees - rests - sum((fill.fee_value for fill in made.fills), ZERO)) < Decimal("1E-18")
    held = {each.symbol: each.quantity for each in made.positions("")}
    assert {each.symbol: each.quantity for each in record.still_open} == held


@settings(deadline=None, max_examples=30)
@given(made=books(), seed=st.integers(0, 5), price=cents, day=st.one_of(st.none(), st.integers(1, 50)))
def test_positions_that_were_written_off_have_a_row_of_their_own(
    made: MemoryBooks, seed: int, price: Decimal, day: int | None
) -> None:
    held, gone_ms = made.positions(""), HOURS * HOUR_MS
    gone = [GoneCoins(each.symbol, gone_ms, each.quantity, price) for each in held]
    ended = [trip for each in held for trip in write_off(each, each.quantity, gone_ms).ended]
    trips = [*sorted(made.round_trips, key=lambda trip: trip.closed_at_ms), *ended]
    seen, at_ms = closes(seed), moments(closes(seed))
    since_ms = None if day is None else day * 24 * HOUR_MS
    holdings = Holdings.of(START, SYMBOLS, made.fills, trips, at_ms, gone)
    record = AccountRecord.of("USD", START, seen, at_ms, holdings, made.fills, trips, {}, since_ms, gone)
    assert not any(each.quantity for each in record.still_open)
    assert record.held[-1] == pytest.approx(0.0, abs=1e-9)
    assert float(record.start_equity + record.net) == pytest.approx(float(record.equity[-1]), rel=1e-9)
    for key in KEYS:
        rows = breakdown(record, key)
        assert sum((row.net for row in rows), ZERO) == record.net
        assert [row.name for row in rows].count("written off") == bool(held)


@settings(deadline=None, max_examples=10)
@given(made=books(), seed=st.integers(0, 5))
def test_document_screen_and_page_say_the_same(made: MemoryBooks, seed: int) -> None:
    record = record_of(made, closes(seed), None)
    period = TradedPeriod(
        exchange="there",
        symbols=SYMBOLS,
        timeframe=Timeframe.H1,
        from_ms=record.from_ms,
        record=record,
        hold=record.equity,
        decided_by="the rule table",
        candles=HOURS,
        signals=0,
        by_models=0,
        orders={each.client_order_id: each for each in made.orders},
        orders_made=len(list(made.orders)),
        fills=made.fills,
        denied=Counter(),
    )
    document = period_document(period, {})
    for rows in document["breakdown"].values():
        assert sum((Decimal(row["net"]) for row in rows), ZERO) == Decimal(document["metrics"]["net"])
        assert sum((Decimal(row["fees"]) for row in rows), ZERO) == Decimal(document["metrics"]["fees"])
    assert sum((Decimal(each["net"]) for each in document["open_positions"]), ZERO) == Decimal(
        document["metrics"]["unrealized"]
    )
    nothing = np.empty(0)
    page = period_page(
        period, document, title="", mode="", charts=(), confidence=nothing, outcome_bps=nothing, notes=()
    )
    screen = "\n".join(plain(report_screen({"account": "a", **document})))
    tables = len(KEYS) if record.still_open else 0
    assert screen.count("open positions") == tables
    bars = 2 if record.still_open and record.fees else 0
    assert page.count(">open positions<") == tables + bars
