"""The regret ledgers of a database as a document: the selector's choices compared with the alternatives.

The daemon computes it; without a daemon the command does.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.regret_rows import DecidedMarket, decided_markets, matured_decisions
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.timeframe import Timeframe
from autopilot.performance.outcomes import horizon
from autopilot.performance.performance_tracker import matures_at
from autopilot.performance.regret import DAYS_AT_LEAST, regret_ledger


def performance_report(database: Path, threshold: float, symbol: str | None, days: int | None) -> Document:
    """A ledger for each market with decisions, the latest first; None until a decision has matured.

    ``threshold``: the confidence from which a choice counts as followed; ``days``: only the latest matured decisions.
    Raises StoreError.
    """
    with open_readonly(database) as connection:
        markets = [
            _market(connection, market, threshold, symbol, days) for market in decided_markets(connection, symbol)
        ]
    return {
        "symbol": symbol,
        "last_days": days,
        "min_confidence_threshold": threshold,
        "days_at_least": DAYS_AT_LEAST,
        "markets": markets,
    }


def _market(
    connection: sqlite3.Connection, market: DecidedMarket, threshold: float, symbol: str | None, days: int | None
) -> Document:
    matured = matured_decisions(connection, market, symbol)
    if days is not None:
        matured = matured.last_days(days)
    return {
        "exchange": market.exchange,
        "market": market.market,
        "timeframe": market.timeframe.value,
        "decisions": market.decisions,
        "first_matures_at_ms": _matures_at_ms(market.first_at_ms, market.timeframe),
        "ledger": document(regret_ledger(matured, threshold)) if len(matured) else None,
    }


def _matures_at_ms(candle_at_ms: int, timeframe: Timeframe) -> int:
    """The close of the candle at which the outcome of a decision becomes known."""
    number = candle_at_ms // timeframe.ms + horizon(timeframe)
    while not matures_at(number, timeframe):
        number += 1
    return (number + 1) * timeframe.ms
