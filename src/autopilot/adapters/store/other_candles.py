"""Decisions on other candles than our own whole window: a run over the stored candles cannot make them again."""

from __future__ import annotations

import sqlite3

from autopilot.adapters.store.database import Database
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.timeframe import Timeframe

ON_OTHER_CANDLES = f"""
coalesce(json_extract(document, '$.basis.count') < {WINDOW} OR json_extract(document, '$.basis.joined') > 0, 0)
"""
"""SQL, whether a decision had fewer candles than a whole window, or some of another exchange. A series begins with some
hundred of them at most: then our own candles make a window."""
_OF_ACCOUNT = f"""
SELECT id, symbol, candle_at_ms, document FROM decisions WHERE account = ? AND timeframe = ? AND {ON_OTHER_CANDLES}
"""


def decided_on_other_candles(database: Database, account: str, timeframe: Timeframe) -> list[sqlite3.Row]:
    """Their id, symbol, candle_at_ms and document, in no order."""
    return database.rows(_OF_ACCOUNT, (account, timeframe.value))
