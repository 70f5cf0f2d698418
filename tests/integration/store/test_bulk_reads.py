"""Rows read in bulk are those that SQLite gives one by one, to the last bit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.store import bulk_reads, candles
from autopilot.adapters.store.bulk_reads import read_slice
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.domain.timeframe import Timeframe

QUERY = "SELECT a, b, c, d, e, f FROM given ORDER BY a"
TABLE = "CREATE TABLE given (a REAL PRIMARY KEY, b REAL, c REAL, d REAL, e REAL, f REAL) STRICT"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 1.0, -3.0, 2.0**53, 5e-324])


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute(TABLE)
        yield opened


@given(st.lists(st.tuples(*[NUMBERS] * 5), max_size=40))
def test_they_are_equal_to_the_last_bit(rows: list[tuple[float, ...]]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute(TABLE)
        opened.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?, ?)", [(at, *row) for at, row in enumerate(rows)])
        found = read_slice(opened, QUERY, ())
        assert found is not None
        one_by_one = np.array(opened.execute(QUERY).fetchall(), dtype=np.float64).reshape(-1, 6)
        assert found.tobytes() == one_by_one.tobytes()


@pytest.mark.parametrize("count", [0, 1, 1_090, 1_091, 1_092, 1_093, 5_000])
def test_all_of_many_pages_are_there(connection: sqlite3.Connection, count: int) -> None:
    rows = np.random.default_rng(1).normal(size=(count, 6))
    rows[:, 0] = np.arange(count)
    connection.executemany("INSERT INTO given VALUES (?, ?, ?, ?, ?, ?)", rows.tolist())
    for _ in range(2):
        assert np.array_equal(read_slice(connection, QUERY, ()), rows)
    assert [row[1] for row in connection.execute("PRAGMA database_list")] == ["main"]


def test_within_a_transaction_they_are_read_one_by_one(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    assert read_slice(connection, QUERY, ()) is None


def test_rows_that_are_not_as_they_should_be_are_not_guessed(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO given VALUES (1, NULL, 1, 1, 1, 1)")
    assert read_slice(connection, QUERY, ()) is None
    connection.execute("DELETE FROM given")
    connection.executemany("INSERT INTO given VALUES (?, 1, 1, 1, 1, 1)", [(1,), (2,)])
    assert read_slice(connection, QUERY + " DESC", ()) is None


@pytest.mark.parametrize("length", [0, 99, 100, 101, 350])
@pytest.mark.parametrize("is_in_transaction", [False, True])
def test_slices_make_a_whole(
    database, random_candles, monkeypatch: pytest.MonkeyPatch, length: int, is_in_transaction: bool
) -> None:
    for module in (bulk_reads, candles):
        monkeypatch.setattr(module, "SLICE", 100)
    store, wanted = SqliteCandles(database), random_candles(1, 400)
    store.save_candles("kraken", "BTC/USD", wanted)
    wanted = wanted[20 : 20 + length]
    bounds = {"since_ms": int(random_candles(1, 400).open_at_ms[20])}
    bounds["until_ms"] = bounds["since_ms"] + length * Timeframe.H1.ms - 1
    if is_in_transaction:
        database.connection.execute("BEGIN")
    found = store.load_candles("kraken", "BTC/USD", Timeframe.H1, **bounds)
    if is_in_transaction:
        database.connection.execute("COMMIT")
    assert np.array_equal(found.open_at_ms, wanted.open_at_ms)
    assert np.array_equal(found.volume, wanted.volume)
