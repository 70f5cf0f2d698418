"""Decisions and the return of each strategy after them, for the regret ledger: columns only, all at once."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import numpy as np

from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns
from autopilot.adapters.store.decision_columns import RULE_CHOICE
from autopilot.adapters.store.rows import IS_COMPLETE
from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import Timeframe
from autopilot.performance.regret import MaturedDecisions

_MARKETS = f"""
SELECT exchange, market, timeframe, count(*), min(candle_at_ms) FROM decisions AS d
WHERE symbol = coalesce(?, symbol) AND {IS_COMPLETE} GROUP BY 1, 2, 3 ORDER BY max(candle_at_ms) DESC, 1, 2, 3
"""
# CROSS keeps the order of the joins: each decision looks its sample up by the key. The document is long, and so looked
# into only where a column cannot say what the rule table would have taken.
_MATURED = f"""
SELECT d.candle_at_ms, d.symbol, d.regime, d.decided_by, d.confidence, d.strategy,
    CASE d.decided_by WHEN 'rules' THEN d.strategy ELSE {RULE_CHOICE} END, later.price / d.price - 1, {RETURNS}
FROM decisions AS d CROSS JOIN performance_samples AS s
    ON s.exchange = d.exchange AND s.timeframe = d.timeframe AND s.symbol = d.symbol AND s.candle_at_ms = d.candle_at_ms
LEFT JOIN decisions AS later
    ON later.account = d.account AND later.symbol = d.symbol AND later.timeframe = d.timeframe
    AND later.candle_at_ms = s.matured_at_ms - :candle_ms
WHERE d.exchange = :exchange AND d.market = :market AND d.timeframe = :timeframe
    AND d.symbol = coalesce(:symbol, d.symbol) AND {IS_COMPLETE}
"""


@dataclass(frozen=True, slots=True)
class DecidedMarket:
    """Where decisions were made; ``first_at_ms`` is the open time of the first decided candle."""

    exchange: str
    market: str
    timeframe: Timeframe
    decisions: int
    first_at_ms: int


def decided_markets(connection: sqlite3.Connection, symbol: str | None) -> tuple[DecidedMarket, ...]:
    """Those of the symbol, or all; the one that decided last comes first."""
    rows = connection.execute(_MARKETS, (symbol,))
    return tuple(DecidedMarket(row[0], row[1], Timeframe(row[2]), row[3], row[4]) for row in rows)


def matured_decisions(connection: sqlite3.Connection, market: DecidedMarket, symbol: str | None) -> MaturedDecisions:
    """Every decision of the market, or of one symbol there, whose horizon is over. Raises StoreCorrupt."""
    wanted = {
        "exchange": market.exchange,
        "market": market.market,
        "timeframe": market.timeframe.value,
        "candle_ms": market.timeframe.ms,
        "symbol": symbol,
    }
    rows = connection.execute(_MATURED, wanted).fetchall()
    by_column = list(zip(*rows, strict=True)) or [()] * 10
    at_ms, symbols, regimes, deciders, confidence, chosen, by_rules, hold, texts, lists = by_column
    stored = StoredReturns(connection)
    returns = [stored.of(*each) for each in zip(texts, lists, strict=True)]
    strategies = tuple(sorted({name for row in returns for name in row}))
    earned = [[row.get(name, np.nan) for name in strategies] for row in returns]
    column = {name: at for at, name in enumerate(strategies)}

    def columns(names: tuple[str | None, ...]) -> IntArray:
        return np.array([-1 if name is None else column.get(name, -1) for name in names], dtype=np.int64)

    return MaturedDecisions(
        candle_at_ms=np.array(at_ms, dtype=np.int64),
        symbol=np.array(symbols, dtype=np.str_),
        regime=np.array(regimes, dtype=np.str_),
        decided_by=np.array(deciders, dtype=np.str_),
        confidence=np.array(confidence, dtype=np.float64),
        chosen=columns(chosen),
        rule_choice=columns(by_rules),
        strategies=strategies,
        returns=np.array(earned, dtype=np.float64).reshape(len(rows), len(strategies)),
        buy_and_hold=np.array(hold, dtype=np.float64),
    )
