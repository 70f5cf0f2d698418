"""The report of a paper account, from its recorded orders and decisions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns
from autopilot.adapters.store.database import Database, open_for_queries
from autopilot.adapters.store.rows import from_json, from_row
from autopilot.adapters.store.stored_marks import latest_mark
from autopilot.analysis.view import market_view
from autopilot.app.backtest.data import TestedSymbol
from autopilot.app.backtest.figures import TradedPeriod, held_evenly, period_document
from autopilot.app.parity import Recorded, recorded_account, recorded_symbols
from autopilot.app.report.page import BPS, period_page
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.audit import AuditKind
from autopilot.domain.candles import Candles, Int8Array
from autopilot.domain.document_types import Document
from autopilot.domain.money import ZERO
from autopilot.domain.order import Fill, Order
from autopilot.domain.portfolio import RoundTrip
from autopilot.domain.timeframe import DAY_MS, Timeframe, utc_text
from autopilot.performance.account_record import (
    AccountRecord,
    GoneCoins,
    Holdings,
    SymbolCloses,
    decided_closes,
    prices_at,
)

_DECISIONS = f"""
SELECT d.id, d.candle_at_ms, d."group", d.regime, d.strategy, d.decided_by, d.confidence, d.signal_type, d.denied_code,
    {RETURNS}
FROM decisions AS d LEFT JOIN performance_samples AS s
    ON s.exchange = d.exchange AND s.timeframe = d.timeframe AND s.symbol = d.symbol AND s.candle_at_ms = d.candle_at_ms
WHERE d.account = ? AND d.timeframe = ?
"""  # noqa: S608 - of constants


_PRUNED = "SELECT sum(decisions), max(until_ms) FROM pruned_decisions WHERE account = ? AND timeframe = ?"
_WRITE_OFFS = "SELECT at_ms, body FROM audit WHERE kind = ?"


@dataclass(frozen=True, slots=True)
class RecordedDecision:
    """A row of `_DECISIONS`. ``outcome``: the net return of the chosen strategy over the horizon; NaN until it has
    matured."""

    id: str
    candle_at_ms: int
    group: str
    regime: str
    strategy: str
    decided_by: str
    confidence: float
    signal_type: str
    denied_code: str | None
    outcome: float

    @property
    def outcome_bps(self) -> float:
        """The outcome in bps."""
        return BPS * self.outcome


@dataclass(frozen=True, slots=True, eq=False)
class AccountHistory:
    """Everything an account has done, and the candles that it saw. The reported period begins at ``since_ms``;
    ``notes`` say which data are missing."""

    recorded: Recorded
    tested: Sequence[TestedSymbol]
    orders: dict[str, Order]
    fills: Sequence[Fill]
    trips: Sequence[RoundTrip]
    write_offs: Sequence[GoneCoins]
    decisions: Sequence[RecordedDecision]
    start_equity: Decimal
    since_ms: int
    notes: Sequence[str]

    @property
    def period_decisions(self) -> list[RecordedDecision]:
        return [each for each in self.decisions if each.candle_at_ms >= self.since_ms]


@dataclass(frozen=True, slots=True, eq=False)
class PeriodReport:
    """``document``: the keys of `period_document`, and ``account`` and ``notes``."""

    history: AccountHistory
    period: TradedPeriod
    document: Document

    def page(self) -> str:
        """The HTML page."""
        history, found = self.history, self.document
        bought = [each for each in history.period_decisions if each.signal_type == "buy"]
        return period_page(
            self.period,
            found,
            title=f"{found['account']}: {', '.join(found['symbols'])}, {found['timeframe']}",
            mode=f"paper trading on {found['exchange']}",
            charts=[_drawn(each, history.since_ms) for each in history.tested],
            confidence=np.array([each.confidence for each in bought]),
            outcome_bps=np.array([each.outcome_bps for each in bought]),
            notes=history.notes,
        )


def period_report(paths: Paths, config: AutopilotConfig, days: int | None) -> PeriodReport:
    """The account that decided last, over all its time or over the last ``days``.

    Raises NotFound when nothing was decided yet, ExchangeError when the candles are no longer available.
    """
    with open_for_queries(paths.database) as database:
        history = _history(config, database, days)
    period = _period(history, config)
    found = {"account": history.recorded.account} | period_document(period, {}) | {"notes": list(history.notes)}
    return PeriodReport(history, period, found)


def _history(config: AutopilotConfig, database: Database, days: int | None) -> AccountHistory:
    notes: list[str] = []
    recorded = recorded_account(database)
    tested = asyncio.run(recorded_symbols(config, database, recorded, notes))
    account, currency = recorded.account, tested[0].market.quote
    tested = tuple(each for each in tested if each.market.quote == currency)
    orders = [from_row(Order, row) for row in database.rows("SELECT * FROM orders WHERE account = ?", (account,))]
    fills = database.rows("SELECT * FROM fills WHERE account = ? ORDER BY at_ms, rowid", (account,))
    trips = database.rows("SELECT * FROM round_trips WHERE account = ? ORDER BY closed_at_ms, id", (account,))
    counted = {each.history.symbol for each in tested}
    others = sorted({each.symbol for each in orders if each.filled} - counted)
    if others:
        notes.append(f"not counted: {', '.join(others)}, traded in another currency or on other candles")
    write_offs = _write_offs(database, account)
    notes += _unrecorded(database, account, write_offs)
    notes += _pruned(database, recorded)
    mark = latest_mark(database.connection, account, currency)
    first_ms = min(first for first, _ in recorded.spans.values())
    until_ms = recorded.last_ms + recorded.timeframe.ms
    return AccountHistory(
        recorded=recorded,
        tested=tested,
        orders={each.client_order_id: each for each in orders},
        fills=[each for each in (from_row(Fill, row) for row in fills) if each.symbol in counted],
        trips=[each for each in (from_row(RoundTrip, row) for row in trips) if each.symbol in counted],
        write_offs=[each for each in write_offs if each.symbol in counted],
        decisions=_decisions(database, account, recorded.timeframe),
        start_equity=Decimal(mark["start_equity"]) if mark else config.paper.balance,
        since_ms=first_ms if days is None else max(first_ms, until_ms - days * DAY_MS),
        notes=notes,
    )


def _decisions(database: Database, account: str, timeframe: Timeframe) -> list[RecordedDecision]:
    stored = StoredReturns(database.connection)
    found = []
    for *columns, returns, strategies in database.rows(_DECISIONS, (account, timeframe.value)):
        earned = stored.of(returns, strategies) if returns is not None else {}
        found.append(RecordedDecision(*(*columns, earned.get(columns[4], np.nan))))
    return found


def _write_offs(database: Database, account: str) -> list[GoneCoins]:
    """Those of an account, as the audit log has them. Its times are the machine's."""
    rows = ((at_ms, from_json(body)) for at_ms, body in database.rows(_WRITE_OFFS, (AuditKind.WRITE_OFF.value,)))
    return [
        GoneCoins(body["symbol"], at_ms, Decimal(body["quantity"]), Decimal(body["price"]))
        for at_ms, body in rows
        if body["account"] == account
    ]


def _unrecorded(database: Database, account: str, write_offs: Sequence[GoneCoins]) -> Iterator[str]:
    """A note on the coins of each symbol that an earlier version wrote off: nothing says when, and at what price."""
    for row in database.rows("SELECT symbol, quantity FROM written_off WHERE account = ? ORDER BY symbol", (account,)):
        recorded = (each.quantity for each in write_offs if each.symbol == row["symbol"])
        rest = Decimal(row["quantity"]) - sum(recorded, ZERO)
        if rest > ZERO:
            yield f"{rest} of {row['symbol']} were written off; here they count as held"


def _pruned(database: Database, recorded: Recorded) -> Iterator[str]:
    for count, until_ms in database.rows(_PRUNED, (recorded.account, recorded.timeframe.value)):
        if count:
            yield f"{count:,} decisions without a signal before {utc_text(until_ms)} were deleted and are not counted"


def _period(history: AccountHistory, config: AutopilotConfig) -> TradedPeriod:
    closes = [SymbolCloses(each.history.symbol, each.history.candles, each.first) for each in history.tested]
    market, since_ms = history.tested[0].market, history.since_ms
    symbols, start_equity, at_ms = [each.symbol for each in closes], history.start_equity, decided_closes(closes)
    last_ms = max((each.at_ms for each in history.fills), default=0)
    if last_ms >= at_ms[-1]:
        at_ms = np.append(at_ms, last_ms + 1)
    # The clock of a replayed market is behind that of the machine.
    gone = [replace(each, at_ms=min(each.at_ms, int(at_ms[-1]) - 1)) for each in history.write_offs]
    record = AccountRecord.of(
        market.quote,
        start_equity,
        closes,
        at_ms,
        Holdings.of(start_equity, symbols, history.fills, history.trips, at_ms, gone),
        history.fills,
        history.trips,
        {each.id: (each.group, each.regime) for each in history.decisions},
        since_ms,
        gone,
    )
    signals = [each for each in history.period_decisions if each.signal_type != "none"]
    by_models = sum(each.decided_by == "model" for each in signals)
    return TradedPeriod(
        exchange=history.recorded.exchange,
        symbols=symbols,
        timeframe=history.recorded.timeframe,
        from_ms=since_ms,
        record=record,
        hold=held_evenly(record, prices_at(closes, record.at_ms), market, config.paper),
        decided_by="the rule table"
        + (f", learned models in {by_models:,} of {len(signals):,} signals" if by_models else ""),
        candles=len(history.period_decisions),
        signals=len(signals),
        by_models=by_models,
        orders=history.orders,
        orders_made=sum(order.created_at_ms >= since_ms for order in history.orders.values()),
        fills=[fill for fill in history.fills if fill.at_ms >= since_ms],
        denied=Counter(each.denied_code for each in signals if each.denied_code),
    )


def _drawn(tested: TestedSymbol, since_ms: int) -> tuple[str, Candles, Int8Array]:
    """A symbol, its candles within the period, and their regimes."""
    history = tested.history
    view = market_view(history.symbol, history.candles, history.reference, history.sentiment)
    first = max(tested.first, int(np.searchsorted(history.candles.open_at_ms, since_ms)))
    return history.symbol, history.candles[first:], view.regimes.codes[first:]
