"""A week of trading on paper in the books, without which no account is armed."""

from __future__ import annotations

from pathlib import Path

from autopilot.adapters.store.database import open_database
from autopilot.domain.timeframe import DAY_MS

_DECISION = """
    INSERT INTO decisions (id, symbol, account, exchange, market, timeframe, candle_at_ms, decided_at_ms, regime,
        "group", strategy, decided_by, confidence, signal_type, price, action, plain_document)
    VALUES (?, ?, ?, ?, 'real', '1h', ?, ?, 'calm', 'momentum', 'macd', 'rules', 0.5,
        'none', 1.0, 'hold', '{}')
"""
_ROUND_TRIP = """
    INSERT INTO round_trips (symbol, account, strategy, quantity, entry_price, exit_price, fees, net, opened_at_ms,
        closed_at_ms, exit_purpose)
    VALUES (?, ?, 'macd', '1', '100', '90', '0', '-10', 0, ?, 'stop_loss')
"""


def trade_on_paper(database_file: Path, exchange: str, symbol: str) -> None:
    database = open_database(database_file)
    where = (symbol, f"paper:{exchange}")
    with database.transaction(durable=True) as connection:
        for day in range(7):
            connection.execute(_DECISION, (f"d{day}", *where, exchange, day * DAY_MS, day * DAY_MS))
            connection.execute(_ROUND_TRIP, (*where, day * DAY_MS))
    database.close()
