"""Decisions are found by their series as they would be by an index of time."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.adapters.store.views.decided_series import newest_of_each

ROWS = st.sets(
    st.tuples(
        st.sampled_from(("live:kraken", "paper:a", "paper:kraken")),
        st.sampled_from(("A/USD", "B/USD", "BTC/USD", "ETH/EUR")),
        st.sampled_from(("1h", "1m", "4h")),
        st.integers(0, 30),
    ),
    max_size=60,
)


@pytest.fixture(scope="module")
def connection() -> Any:
    opened = sqlite3.connect(":memory:")
    for name, count in (("model_card", 2), ("without_fee_coins", 9), ("audit_hash", 6), ("begin_anchor", 0)):
        opened.create_function(name, count, lambda *_: None)
    for step in MIGRATIONS:
        opened.executescript(step)
    yield opened
    opened.close()


@settings(max_examples=40)
@given(ROWS, st.integers(1, 9), st.booleans())
def test_the_newest_of_all_series_are_the_newest_of_all(
    connection: sqlite3.Connection, rows: set[tuple[str, str, str, int]], limit: int, only: bool
) -> None:
    connection.execute("DELETE FROM decisions")
    for number, (account, symbol, timeframe, at_ms) in enumerate(sorted(rows, key=hash)):
        key = (f"{number:010x}", symbol, account, "kraken", "real", timeframe, at_ms, at_ms)
        outcome = ("ranging", "momentum", "macd", "rules", 0.5, "none", 1.0, "hold", None, None, None, "{}")
        connection.execute(
            f"INSERT INTO decisions VALUES ({', '.join('?' * 20)}, NULL, NULL, NULL, NULL)", (*key, *outcome)
        )
    condition = "symbol = 'BTC/USD' AND candle_at_ms < 20" if only else "1"
    newest = newest_of_each("d.id", condition, ":limit")
    order = "ORDER BY d.candle_at_ms DESC, d.rowid DESC LIMIT :limit"
    by_series = connection.execute(f"{newest} {order}", {"limit": limit}).fetchall()
    plainly = connection.execute(f"SELECT d.id FROM decisions AS d WHERE {condition} {order}", {"limit": limit})
    assert by_series == plainly.fetchall()


def test_it_jumps_from_series_to_series_in_the_index(connection: sqlite3.Connection) -> None:
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {newest_of_each('d.id')}")]
    assert any("(account,symbol,timeframe)>(?,?,?)" in step for step in plan)
    assert any("(account=? AND symbol=? AND timeframe=?)" in step for step in plan)
