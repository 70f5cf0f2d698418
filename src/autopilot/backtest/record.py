"""The account record of a backtest, in the form in which every period of trading is evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from autopilot.backtest.decided import BacktestSymbol
from autopilot.backtest.engine import BacktestResult
from autopilot.domain.candles import IntArray
from autopilot.performance.account_record import AccountRecord, Holdings, SymbolCloses, decided_closes


def account_record(traded: Sequence[BacktestSymbol], outcome: BacktestResult, start_equity: Decimal) -> AccountRecord:
    """The account at the close of every decided candle of any symbol, after the orders at that close."""
    closes = symbol_closes(traded)
    return AccountRecord.of(
        traded[0].market.quote,
        start_equity,
        closes,
        holdings_at(outcome, decided_closes(closes)),
        outcome.books.fills,
        outcome.books.round_trips,
        {each.id: (each.group, each.regime) for each in outcome.judged},
    )


def symbol_closes(traded: Sequence[BacktestSymbol]) -> list[SymbolCloses]:
    """The candles of each symbol, and where its decisions begin."""
    return [SymbolCloses(each.market.symbol, each.series.view.candles, each.choices.first) for each in traded]


def holdings_at(outcome: BacktestResult, at_ms: IntArray) -> Holdings:
    """The account after the orders at each of these closes."""
    steps = outcome.steps
    step = np.maximum(np.searchsorted(steps.at_ms, at_ms, side="right") - 1, 0)
    return Holdings(steps.cash[step], steps.quantities[:, step])
