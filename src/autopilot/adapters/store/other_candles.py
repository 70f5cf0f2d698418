"""Decisions on other candles than our own whole window: a run over the stored candles cannot make them again."""

from __future__ import annotations

import sqlite3

from autopilot.adapters.store.compact_documents import DOCUMENT
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.decision_columns import ON_OTHER_CANDLES
from autopilot.domain.timeframe import Timeframe

_OF_ACCOUNT = f"""
SELECT id, symbol, candle_at_ms, {DOCUMENT} FROM decisions AS d
WHERE account = ? AND timeframe = ? AND {ON_OTHER_CANDLES}
"""


def decided_on_other_candles(database: Database, account: str, timeframe: Timeframe) -> list[sqlite3.Row]:
    """Their id, symbol, candle_at_ms and document, in no order."""
    return database.rows(_OF_ACCOUNT, (account, timeframe.value))
