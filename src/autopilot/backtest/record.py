"""What a backtest did to its account, as every other period of trading is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from autopilot.backtest.decided import BacktestSymbol
from autopilot.backtest.engine import BacktestResult
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.money import ZERO
from autopilot.performance.account_record import AccountRecord, ClosedTrade


def account_record(traded: Sequence[BacktestSymbol], outcome: BacktestResult, start_equity: Decimal) -> AccountRecord:
    """At the close of every candle that was decided, of any symbol."""
    at_ms = decided_closes(traded)
    steps = outcome.steps
    step = np.maximum(np.searchsorted(steps.at_ms, at_ms, side="right") - 1, 0)
    held = (steps.quantities[:, step] * closes_at(traded, at_ms)).sum(axis=0)
    began = {each.id: each for each in outcome.judged}
    trades = []
    for trip in outcome.books.round_trips:
        decision = began.get(trip.decision_id or "")
        trades.append(ClosedTrade(trip, decision.group if decision else "", decision.regime if decision else ""))
    fills = outcome.books.fills
    return AccountRecord(
        currency=traded[0].market.quote,
        start_equity=start_equity,
        at_ms=at_ms,
        equity=steps.cash[step] + held,
        held=held,
        trades=tuple(trades),
        fees=sum((fill.fee_value for fill in fills), ZERO),
        traded_value=sum((fill.value for fill in fills), ZERO),
    )


def decided_closes(traded: Sequence[BacktestSymbol]) -> IntArray:
    """int64[n], ascending, each moment once."""
    closes = [_closes_ms(each)[each.choices.first :] for each in traded]
    return np.unique(np.concatenate(closes))


def closes_at(traded: Sequence[BacktestSymbol], at_ms: IntArray) -> FloatArray:
    """float64[symbols, n]: each symbol's last close at these moments; its first one before that."""
    found = []
    for each in traded:
        index = np.searchsorted(_closes_ms(each), at_ms, side="right") - 1
        found.append(each.series.view.candles.close[np.maximum(index, 0)])
    return np.stack(found)


def _closes_ms(traded: BacktestSymbol) -> IntArray:
    candles = traded.series.view.candles
    return candles.open_at_ms + candles.timeframe.ms
