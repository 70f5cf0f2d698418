"""A recorded period run again from stored candles and models, and compared with the recorded decisions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from decimal import Decimal
from typing import cast

import numpy as np

from autopilot.adapters.exchange.venues.opening import public_market
from autopilot.adapters.store.autopilots import SqliteAutopilots
from autopilot.adapters.store.compact_documents import DOCUMENT, decision_document
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.decision_columns import MODEL_ID
from autopilot.adapters.store.other_candles import decided_on_other_candles
from autopilot.adapters.store.rows import from_row
from autopilot.adapters.store.trigger_prices import trigger_prices
from autopilot.adapters.store.views.changed_candles import candles_changed
from autopilot.adapters.store.views.decided_series import newest_of_each
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.app.backtest.data import Period, TestedSymbol, tested_symbols
from autopilot.app.backtest.run import stored_model
from autopilot.backtest.choices import rule_choices
from autopilot.backtest.decided import BacktestSymbol, DecisionRow, decisions_of
from autopilot.backtest.engine import BacktestResult, simulate
from autopilot.backtest.models import LoadedModel, follow_models
from autopilot.backtest.parity import ComparedDecision, Difference, cost_of, differing
from autopilot.backtest.recorded import RecordedChoice, as_recorded
from autopilot.backtest.recorded_moments import RecordedMoments
from autopilot.backtest.stages import BacktestStage
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import DecisionDocument, Document
from autopilot.domain.documents import document
from autopilot.domain.errors import ExchangeError, ModelError, NotFound
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.model_state import ModelScope
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Fill
from autopilot.domain.progress import Progress, unwatched
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import load_strategies
from autopilot.training.data.series import symbol_series

_ACCOUNT = f"""
{newest_of_each("d.account, d.exchange, d.timeframe")} ORDER BY d.candle_at_ms DESC, d.account LIMIT 1
"""
_SPANS = """
SELECT symbol, min(candle_at_ms), max(candle_at_ms) FROM decisions WHERE account = ? AND timeframe = ? GROUP BY symbol
"""
_MODELS = f"""
SELECT {MODEL_ID}, min(candle_at_ms), max(candle_at_ms) FROM decisions AS d
WHERE account = ? AND timeframe = ? AND decided_by = 'model' GROUP BY 1 ORDER BY 2
"""  # noqa: S608 - of constants
_PASSED_OVER = "SELECT symbol, first_at_ms, last_at_ms FROM passed_candles WHERE account = ? AND timeframe = ?"
_RECORDED_DECISIONS = """
SELECT id, symbol, candle_at_ms, "group", strategy, decided_by, confidence, signal_type, action, denied_code
FROM decisions WHERE account = ? AND timeframe = ? AND signal_type <> 'none' AND candle_at_ms >= ?
"""
_DOCUMENT = f"SELECT {DOCUMENT} AS document, id FROM decisions WHERE id = ?"  # noqa: S608 - of constants
_ASIDE_WORDS = (
    f"decisions with a signal that had fewer than {WINDOW:,} candles, or candles of another exchange, and are therefore"
    " taken as recorded and not compared"
)
_MOMENTS = """
SELECT d.symbol, d.candle_at_ms, d.decided_at_ms, o.reference_price FROM decisions AS d
LEFT JOIN orders AS o ON o.client_order_id = d.order_id
WHERE d.account = ? AND d.timeframe = ?
"""
_EXITS = """
SELECT symbol, reference_price, created_at_ms FROM orders
WHERE account = ? AND side = 'sell' AND decision_id IS NULL AND purpose IN ('stop_loss', 'take_profit', 'protection')
AND type <> 'stop' AND status NOT IN ('rejected', 'expired')
"""
_FILLS = "SELECT * FROM fills WHERE account = ? AND at_ms >= ?"


@dataclass(frozen=True, slots=True)
class Recorded:
    """An account, and for each symbol the open times of the first and the last decided candle."""

    account: str
    exchange: str
    timeframe: Timeframe
    spans: dict[str, tuple[int, int]]

    @property
    def last_ms(self) -> int:
        return max(last for _, last in self.spans.values())


def parity(paths: Paths, config: AutopilotConfig, days: int, progress: Progress) -> Document:
    """The account that decided last, run again from its first decision on and compared over the last ``days``.

    Raises NotFound if nothing was decided, ExchangeError if the candles are no longer available, StoreError.
    """
    with closing(open_database(paths.database)) as database:
        recorded = recorded_account(database)
        notes: list[str] = []
        tested = asyncio.run(recorded_symbols(config, database, recorded, notes))
        models = _models(paths, config, database, recorded, notes)
        aside = _set_aside(database, recorded, models)
        outcome, decisions = _again(config, database, recorded, tested, models, aside, progress)
        return _compared(database, recorded, tested, outcome, decisions, aside, days, notes)


@dataclass(frozen=True, slots=True)
class _SetAside:
    """What cannot be decided again, because the whole history has other candles. ``ids``: of these decisions;
    ``choices``: by symbol and open time, None without a signal and for candles that were passed over."""

    ids: frozenset[str]
    choices: Mapping[str, Mapping[int, RecordedChoice | None]]

    def first_whole(self, tested: TestedSymbol) -> int:
        """The index of the first candle that can be decided again, at which the strategies' record begins; the number
        of candles without one."""
        open_at_ms, aside = tested.history.candles.open_at_ms, self.choices[tested.history.symbol]
        return next((at for at in range(tested.first, len(open_at_ms)) if open_at_ms[at] not in aside), len(open_at_ms))


def recorded_account(database: Database) -> Recorded:
    """The account that decided last. Raises NotFound if nothing was decided yet."""
    row = database.row(_ACCOUNT)
    if row is None:
        raise NotFound("nothing was decided yet", hint="autopilot start --symbol BTC/USD")
    spans = {each[0]: (each[1], each[2]) for each in database.rows(_SPANS, (row[0], row[2]))}
    return Recorded(row[0], row[1], Timeframe(row[2]), spans)


async def recorded_symbols(
    config: AutopilotConfig, database: Database, recorded: Recorded, notes: list[str]
) -> tuple[TestedSymbol, ...]:
    """Each symbol's candles from the first stored candle to the last decided one. Adds missing inputs to ``notes``.
    Raises ExchangeError if the candles are no longer available."""
    period = Period(min(first for first, _ in recorded.spans.values()), recorded.last_ms + recorded.timeframe.ms)
    symbols = tuple(recorded.spans)
    found = await tested_symbols(
        config, database, recorded.exchange, symbols, recorded.timeframe, period, None, 0, unwatched, None
    )
    tested = []
    for each in found:
        first_ms, last_ms = recorded.spans[each.history.symbol]
        candles = each.history.candles.until(last_ms)
        first = int(np.searchsorted(candles.open_at_ms, first_ms))
        tested.append(replace(each, history=replace(each.history, candles=candles), first=first))
    if MarketKind.of(recorded.exchange) is not MarketKind.REAL:
        return tuple(tested)
    market = public_market(recorded.exchange)
    try:
        return tuple([replace(each, market=await market.market(each.history.symbol)) for each in tested])
    except ExchangeError as error:
        notes.append(f"the exchange's rules and fees are unavailable; typical ones are used: {error}")
        return tuple(tested)
    finally:
        await market.close()


def _models(
    paths: Paths, config: AutopilotConfig, database: Database, recorded: Recorded, notes: list[str]
) -> tuple[LoadedModel, ...]:
    found, step_ms, strategies = [], recorded.timeframe.ms, load_strategies()
    scope = ModelScope(config.candle_kind(recorded.exchange), recorded.timeframe)
    for model_id, first_ms, last_ms in database.rows(_MODELS, (recorded.account, recorded.timeframe.value)):
        try:
            until_ms = last_ms + step_ms + 1
            found.append(stored_model(paths, database, model_id, scope, strategies, first_ms + step_ms, until_ms))
        except (NotFound, ModelError) as error:
            notes.append(f"the decisions of model {model_id} cannot be repeated: {error}")
    return tuple(found)


def _set_aside(database: Database, recorded: Recorded, models: Sequence[LoadedModel]) -> _SetAside:
    """The decisions on fewer candles than a whole window, or on those of another exchange, and passed over candles."""
    series, ids = (recorded.account, recorded.timeframe.value), set()
    choices: dict[str, dict[int, RecordedChoice | None]] = {symbol: {} for symbol in recorded.spans}
    for symbol, first_ms, last_ms in database.rows(_PASSED_OVER, series):
        if symbol in choices:
            choices[symbol] |= dict.fromkeys(range(first_ms, last_ms + 1, recorded.timeframe.ms))
    numbers = {model.deciding.id: number for number, model in enumerate(models)}
    found = decided_on_other_candles(database, recorded.account, recorded.timeframe)
    for decision_id, symbol, candle_at_ms, stored in found:
        ids.add(decision_id)
        document = cast("DecisionDocument", decision_document(stored, decision_id))
        choices[symbol][candle_at_ms] = RecordedChoice.of(document, numbers)
    return _SetAside(frozenset(ids), choices)


def _moments(database: Database, recorded: Recorded) -> dict[str, RecordedMoments]:
    """By symbol. A market that waits for us has nothing between its closes."""
    found = {symbol: RecordedMoments() for symbol in recorded.spans}
    if MarketKind.of(recorded.exchange) is not MarketKind.REAL:
        return found
    decided: dict[str, dict[int, int]] = {symbol: {} for symbol in found}
    prices: dict[str, dict[int, float]] = {symbol: {} for symbol in found}
    for symbol, at_ms, decided_at_ms, price in database.rows(_MOMENTS, (recorded.account, recorded.timeframe.value)):
        decided[symbol][at_ms] = decided_at_ms
        if price is not None:
            prices[symbol][at_ms] = float(price)
    seen = [*trigger_prices(database, recorded.account), *_exits_between_closes(database, recorded, decided)]
    seen.sort(key=lambda quote: quote.at_ms)
    return {
        symbol: RecordedMoments(decided[symbol], prices[symbol], tuple(each for each in seen if each.symbol == symbol))
        for symbol in found
    }


def _exits_between_closes(
    database: Database, recorded: Recorded, decided: Mapping[str, Mapping[int, int]]
) -> Iterator[Quote]:
    """The prices at which positions were sold after a candle was decided. An account with real money keeps no others,
    and a paper account that was killed before it traded has not kept its own."""
    length_ms = recorded.timeframe.ms
    for symbol, price, at_ms in database.rows(_EXITS, (recorded.account,)):
        candle_at_ms = recorded.timeframe.floor(at_ms) - length_ms
        if symbol in decided and at_ms > decided[symbol].get(candle_at_ms, candle_at_ms + length_ms):
            yield Quote(symbol, float(price), at_ms)


def _again(
    config: AutopilotConfig,
    database: Database,
    recorded: Recorded,
    tested: Sequence[TestedSymbol],
    models: Sequence[LoadedModel],
    aside: _SetAside,
    progress: Progress,
) -> tuple[BacktestResult, tuple[DecisionRow, ...]]:
    """The result, and every decision with a signal."""
    strategies = load_strategies()
    profiles = profiles_of(strategies)
    firsts = [aside.first_whole(each) for each in tested]
    series = [
        symbol_series(each.history, strategies, ASSUMED_COST, first) for each, first in zip(tested, firsts, strict=True)
    ]
    moments = _moments(database, recorded)
    executing = {entry.symbol: entry.auto_execute for entry in SqliteAutopilots(database).load_autopilots()}
    traded = [
        BacktestSymbol(
            one.market,
            config.trading(
                one.history.symbol,
                exchange=recorded.exchange,
                timeframe=recorded.timeframe,
                interval_s=config.interval,
                auto_execute=executing.get(one.history.symbol, config.auto_execute),
            ),
            known,
            follow_models(chosen, known, models, profiles),
            moments=moments[one.history.symbol],
        )
        for one, known, chosen in zip(tested, series, rule_choices(series, firsts, profiles), strict=True)
    ]
    traded = [
        as_recorded(each, one.first, aside.choices[each.market.symbol])
        for each, one in zip(traded, tested, strict=True)
    ]
    stage = BacktestStage.TRADING_AGAIN
    deciding = tuple(each.deciding for each in models)
    outcome, _ = simulate(recorded.account, traded, strategies, config.paper, progress, models=deciding, stage=stage)
    return outcome, decisions_of(recorded.account, traded, deciding, outcome.judged, outcome.unsure, outcome.missing)


def _compared(
    database: Database,
    recorded: Recorded,
    tested: Sequence[TestedSymbol],
    outcome: BacktestResult,
    decisions: Sequence[DecisionRow],
    aside: _SetAside,
    days: int,
    notes: Sequence[str],
) -> Document:
    since_ms = max(
        recorded.last_ms + recorded.timeframe.ms - days * DAY_MS, min(first for first, _ in recorded.spans.values())
    )
    rows = database.rows(_RECORDED_DECISIONS, (recorded.account, recorded.timeframe.value, since_ms))
    theirs = [ComparedDecision(*row) for row in rows if row["id"] not in aside.ids]
    repeated = [each for each in decisions if each.candle_at_ms >= since_ms and each.id not in aside.ids]
    ours = [_compared_decision(each) for each in repeated]
    found = _with_changed_candles(database, differing(theirs, ours))
    if count := sum(row["id"] in aside.ids for row in rows):
        notes = (*notes, f"{_ASIDE_WORDS}: {count:,}")
    fills = [from_row(Fill, row) for row in database.rows(_FILLS, (recorded.account, since_ms))]
    again = [each for each in outcome.books.fills if each.at_ms >= since_ms]
    currency = tested[0].market.quote
    last_prices = {each.history.symbol: to_decimal(float(each.history.candles.close[-1])) for each in tested}
    cost = cost_of(fills, again, last_prices)
    return {
        "account": recorded.account,
        "exchange": recorded.exchange,
        "symbols": sorted(recorded.spans),
        "timeframe": recorded.timeframe.value,
        "from_ms": since_ms,
        "to_ms": recorded.last_ms + recorded.timeframe.ms,
        "recorded": len(theirs),
        "again": len(ours),
        "fills": {"recorded": len(fills), "again": len(again)},
        "set_aside": count,
        "differences": [document(asdict(each)) for each in found],
        "currency": currency,
        "cost": document(asdict(cost)) | {"total": format(cost.total + Decimal(0), "f")},
        "notes": list(notes),
    }


def _with_changed_candles(database: Database, found: Iterable[Difference]) -> list[Difference]:
    """The differences, with "candles" among the fields of those whose candles have changed since the decision."""
    with_candles = []
    for each in found:
        (row,) = database.rows(_DOCUMENT, (each.recorded.id,)) if each.recorded else (None,)
        has_changed = row is not None and candles_changed(database.connection, decision_document(row[0], row[1]))
        with_candles.append(replace(each, fields=(*each.fields, "candles")) if has_changed else each)
    return with_candles


def _compared_decision(decided: DecisionRow) -> ComparedDecision:
    return ComparedDecision(
        id=decided.id,
        symbol=decided.symbol,
        candle_at_ms=decided.candle_at_ms,
        group=decided.group,
        strategy=decided.strategy,
        decided_by=decided.decided_by,
        confidence=decided.confidence,
        signal_type=decided.signal_type,
        action=decided.action,
        denied_code=decided.denied_code,
    )
