"""What the daemon's own books say of a period, in the figures and on the page of a backtest."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.rows import from_json, from_row
from autopilot.analysis.view import market_view
from autopilot.app.backtest.data import TestedSymbol
from autopilot.app.backtest.figures import BUY_AND_HOLD, comparison, figures, held_evenly
from autopilot.app.parity import Recorded, recorded_symbols, what_was_recorded
from autopilot.app.report.page import breakdown_tables, comparison_table, fees_by, headline, metrics_table
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.document_types import Document
from autopilot.domain.money import ZERO, to_decimal
from autopilot.domain.order import Fill, Order, Side
from autopilot.domain.portfolio import RoundTrip
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.account_record import AccountRecord, ClosedTrade
from autopilot.report.content import AccountChart, Mark, ReportContent, SymbolChart
from autopilot.report.page import render_report

_DECISIONS = """
SELECT d.id, d.symbol, d.candle_at_ms, d."group", d.regime, d.strategy, d.decided_by, d.confidence, d.signal_type,
    d.denied_code, s.returns
FROM decisions AS d LEFT JOIN performance_samples AS s
    ON s.exchange = d.exchange AND s.timeframe = d.timeframe AND s.symbol = d.symbol AND s.candle_at_ms = d.candle_at_ms
WHERE d.account = ? AND d.timeframe = ?
"""
BPS = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class AccountHistory:
    """Everything an account has done, and the candles that it saw; ``since_ms``: where the period begins."""

    recorded: Recorded
    tested: Sequence[TestedSymbol]
    orders: dict[str, Order]
    fills: Sequence[Fill]
    trips: Sequence[RoundTrip]
    decisions: Sequence[tuple[object, ...]]
    start_equity: Decimal
    since_ms: int

    @property
    def closes_ms(self) -> IntArray:
        """Of every candle that was decided, of any symbol: int64[n], each moment once."""
        opened = [each.history.candles.open_at_ms[each.first :] for each in self.tested]
        return np.unique(np.concatenate(opened)) + self.recorded.timeframe.ms

    def prices(self, at_ms: IntArray) -> FloatArray:
        """float64[symbols, n]: the last closes at these moments."""
        found = []
        for each in self.tested:
            candles = each.history.candles
            index = np.searchsorted(candles.open_at_ms + candles.timeframe.ms, at_ms, side="right") - 1
            found.append(candles.close[np.maximum(index, 0)])
        return np.stack(found)


def period_report(paths: Paths, config: AutopilotConfig, days: int | None) -> tuple[Document, str]:
    """(the figures as of `backtest_document`, the page) of the account that decided last, of all its time or of the
    last ``days``. Raises NotFound when nothing was decided yet, ExchangeError when the candles are not there any more.
    """
    notes: list[str] = []
    with closing(open_database(paths.database)) as database:
        books = _books(config, database, days, notes)
    record = _record(books)
    hold = held_evenly(record, books.prices(record.at_ms), books.tested[0].market, config.paper)
    found = _document(books, record) | {"comparison": comparison(record, hold, {})}
    return found, render_report(_content(books, record, hold, found, notes))


def _books(config: AutopilotConfig, database: Database, days: int | None, notes: list[str]) -> AccountHistory:
    recorded = what_was_recorded(database)
    tested = asyncio.run(recorded_symbols(config, database, recorded, notes))
    account, currency = recorded.account, tested[0].market.quote
    orders = [from_row(Order, row) for row in database.rows("SELECT * FROM orders WHERE account = ?", (account,))]
    fills = database.rows("SELECT * FROM fills WHERE account = ? ORDER BY at_ms, rowid", (account,))
    trips = database.rows("SELECT * FROM round_trips WHERE account = ? ORDER BY id", (account,))
    start = database.row("SELECT start_equity FROM equity WHERE account = ? AND currency = ?", (account, currency))
    first_ms = min(first for first, _ in recorded.spans.values())
    until_ms = recorded.last_ms + recorded.timeframe.ms
    return AccountHistory(
        recorded=recorded,
        tested=tested,
        orders={each.client_order_id: each for each in orders},
        fills=[from_row(Fill, row) for row in fills],
        trips=[from_row(RoundTrip, row) for row in trips],
        decisions=[tuple(row) for row in database.rows(_DECISIONS, (account, recorded.timeframe.value))],
        start_equity=Decimal(start[0]) if start else config.paper.balance,
        since_ms=first_ms if days is None else max(first_ms, until_ms - days * DAY_MS),
    )


def _record(books: AccountHistory) -> AccountRecord:
    """A fill counts from the first close after it, and so does what was written off."""
    at_ms, fills = books.closes_ms, books.fills
    symbols = [each.history.symbol for each in books.tested]
    cash, held = np.zeros(len(fills) + 1), np.zeros((len(symbols), len(fills) + 1))
    for number, fill in enumerate(fills):
        sign = 1 if fill.side is Side.BUY else -1
        cash[number + 1] = float(-sign * fill.value - fill.fee_in_quote)
        held[symbols.index(fill.symbol), number + 1] = float(sign * fill.quantity - fill.fee_in_base)
    known = np.searchsorted(np.array([fill.at_ms for fill in fills], dtype=np.int64), at_ms)
    coins = np.cumsum(held, axis=1)[:, known]
    for trip in books.trips:
        coins[symbols.index(trip.symbol)] -= float(trip.written_off) * (at_ms > trip.closed_at_ms)
    worth = (coins * books.prices(at_ms)).sum(axis=0)
    equity = float(books.start_equity) + np.cumsum(cash)[known] + worth
    shown = at_ms > books.since_ms
    before = np.flatnonzero(~shown)
    began = {str(row[0]): row for row in books.decisions}
    ended = [trip for trip in books.trips if trip.closed_at_ms >= books.since_ms]
    during = [fill for fill in fills if fill.at_ms >= books.since_ms]
    return AccountRecord(
        currency=books.tested[0].market.quote,
        start_equity=to_decimal(float(equity[before[-1]])) if len(before) else books.start_equity,
        at_ms=at_ms[shown],
        equity=equity[shown],
        held=worth[shown],
        trades=tuple(_closed(trip, began.get(trip.decision_id or "")) for trip in ended),
        fees=sum(fees_by(during, lambda fill: fill.symbol).values(), ZERO),
        traded_value=sum((fill.value for fill in during), ZERO),
    )


def _closed(trip: RoundTrip, decision: tuple[object, ...] | None) -> ClosedTrade:
    return ClosedTrade(trip, str(decision[3]) if decision else "", str(decision[4]) if decision else "")


def _during(books: AccountHistory) -> list[tuple[object, ...]]:
    return [row for row in books.decisions if int(str(row[2])) >= books.since_ms]


def _document(books: AccountHistory, record: AccountRecord) -> Document:
    decisions = _during(books)
    spoken = [row for row in decisions if row[8] != "none"]
    denied = Counter(str(row[9]) for row in spoken if row[9])
    by_models = sum(row[6] == "model" for row in spoken)
    return {
        "account": books.recorded.account,
        "exchange": books.recorded.exchange,
        "symbols": [each.history.symbol for each in books.tested],
        "timeframe": books.recorded.timeframe.value,
        "from_ms": books.since_ms,
        "to_ms": int(record.at_ms[-1]),
        "currency": record.currency,
        "balance": format(record.start_equity, "f"),
        "decided_by": f"the rule table, and learned models in {by_models:,} of {len(spoken):,} signals",
        "in_sample": False,
        "models": [],
        "candles": len(decisions),
        "signals": len(spoken),
        "by_models": by_models,
        "orders": sum(order.created_at_ms >= books.since_ms for order in books.orders.values()),
        "fills": sum(fill.at_ms >= books.since_ms for fill in books.fills),
        "denied": dict(denied.most_common()),
        "timing": None,
        **figures(record),
    }


def _content(
    books: AccountHistory, record: AccountRecord, hold: FloatArray, found: Document, notes: Sequence[str]
) -> ReportContent:
    during = [fill for fill in books.fills if fill.at_ms >= books.since_ms]
    bought = [row for row in _during(books) if row[8] == "buy"]
    made_up = ("SIMULATED MARKET: prices are made up",) if found["exchange"] == SimulatedExchange.name else ()
    return ReportContent(
        title=f"{found['account']}: {', '.join(found['symbols'])}, {found['timeframe']}",
        mode=f"paper trading on {found['exchange']}",
        from_ms=found["from_ms"],
        to_ms=found["to_ms"],
        banners=made_up,
        headline=headline(found),
        accounts=(
            AccountChart(
                record,
                {BUY_AND_HOLD: hold},
                fees_by(during, lambda fill: fill.symbol),
                fees_by(during, lambda fill: books.orders[fill.client_order_id].strategy),
            ),
        ),
        symbols=tuple(_chart(each, during, books) for each in books.tested),
        confidence=np.array([float(str(row[7])) for row in bought]),
        outcome_bps=np.array([_outcome(row) for row in bought]),
        denials=found["denied"],
        metrics=(metrics_table(found), comparison_table(found)),
        breakdowns=breakdown_tables(found),
        notes=tuple(notes),
    )


def _outcome(row: tuple[object, ...]) -> float:
    """What the chosen strategy earned over the horizon by itself, in bp; NaN until it is known."""
    return BPS * float(from_json(str(row[10])).get(str(row[5]), np.nan)) if row[10] else float("nan")


def _chart(tested: TestedSymbol, fills: Sequence[Fill], books: AccountHistory) -> SymbolChart:
    history = tested.history
    view = market_view(history.symbol, history.candles, history.reference, history.sentiment)
    first = max(tested.first, int(np.searchsorted(history.candles.open_at_ms, books.since_ms)))
    marks = tuple(
        Mark(fill.at_ms, float(fill.price), fill.side, books.orders[fill.client_order_id].purpose)
        for fill in fills
        if fill.symbol == history.symbol
    )
    return SymbolChart(history.symbol, history.candles[first:], view.regimes.codes[first:], marks)
