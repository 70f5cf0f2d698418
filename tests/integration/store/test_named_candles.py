"""Candles of an older version are moved to rows with the number of their series: all of them, whenever it is killed."""

from __future__ import annotations

import logging
import signal
import sqlite3
import subprocess
import sys
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.store import migration, named_candles
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database, open_readonly
from autopilot.adapters.store.schema import MIGRATIONS
from autopilot.domain.coverage import CoveredSpan, TimeSpan, Way
from autopilot.domain.errors import StoreError, StoreFull
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe

OLDER = MIGRATIONS[:-1]
COUNT = 400
SERIES = (("coinbase", "BTC/USD", "1m"), ("kraken", "BTC/USD", "1m"), ("kraken", "ETH/USD", "1h"))
KILLED = """
import os, signal, sys
from pathlib import Path
from autopilot.adapters.store import migration, named_candles
from autopilot.adapters.store.database import open_database

moved = 0

def die(self, done, total):
    global moved
    moved += 1
    if moved == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

named_candles.BLOCK = 100
migration.MigrationProgress.__call__ = die
open_database(Path(sys.argv[1])).close()
"""


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(named_candles, "BLOCK", 100)


@pytest.fixture
def old(path: Path) -> Path:
    """A database of the older version, in which every series has a hole after 150 candles; also a simulated one."""
    with closing(open_database(path, OLDER)) as database, database.transaction(durable=True) as connection:
        connection.executemany(
            "INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*names, (at + 10 * (at >= 150)) * Timeframe(names[2]).ms, at + 0.25, at + 2, at, at + 1, 7.0)
                for names in (*SERIES, ("simulated", "BTC/USD", "1h"))
                for at in range(COUNT)
            ],
        )
    return path


def named_rows(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        if connection.execute("PRAGMA user_version").fetchone()[0] < len(MIGRATIONS):
            return connection.execute("SELECT * FROM candles ORDER BY 1, 2, 3, 4").fetchall()
        return connection.execute(
            "SELECT exchange, symbol, timeframe, open_at_ms, open, high, low, close, volume"
            " FROM candles JOIN series ON series = id ORDER BY 1, 2, 3, 4"
        ).fetchall()


def test_every_candle_is_there_and_its_run_is_covered(old: Path) -> None:
    before = named_rows(old)
    with closing(open_database(old)) as database:
        store = SqliteCandles(database)
        for exchange, symbol, length in SERIES:
            ms = Timeframe(length).ms
            assert store.covered(exchange, symbol, Timeframe(length)) == (
                CoveredSpan(TimeSpan(0, 150 * ms), Way.EARLIER, 150 * ms),
                CoveredSpan(TimeSpan(160 * ms, 410 * ms), Way.EARLIER, 410 * ms),
            )
        assert store.covered("simulated", "BTC/USD", Timeframe.H1) == ()
        assert [item.count for item in store.coverage()] == [COUNT] * 4
        candles = store.load_candles("kraken", "ETH/USD", Timeframe.H1)
        assert np.array_equal(candles.open, np.arange(COUNT) + 0.25)
        assert database.row("SELECT 1 FROM sqlite_schema WHERE name = 'named_candles'") is None
        assert database.rows("PRAGMA foreign_key_check") == []
    assert named_rows(old) == before
    assert not Path(f"{old}-wal").exists()


def test_the_file_does_not_grow_much(path: Path) -> None:
    with closing(open_database(path, OLDER)) as database, database.transaction(durable=True) as connection:
        connection.executemany(
            "INSERT INTO candles VALUES ('kraken', 'BTC/USD', '1m', ?, 1.25, 2.25, 0.5, 1.5, 7.25)",
            ((at * MINUTE_MS,) for at in range(5_000)),
        )
    before = path.stat().st_size
    open_database(path).close()
    assert path.stat().st_size < 1.15 * before


@pytest.mark.parametrize("moves", [1, 9, 16])
def test_a_kill_loses_nothing_and_the_next_start_does_it(old: Path, moves: int) -> None:
    before = named_rows(old)
    killed = subprocess.run([sys.executable, "-c", KILLED, old, str(moves)], check=False)
    assert killed.returncode == -signal.SIGKILL
    with pytest.raises(StoreError, match="has an older version"), open_readonly(old):
        pass
    assert named_rows(old) == before
    open_database(old).close()
    assert named_rows(old) == before


def test_without_room_nothing_is_changed(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, usage = named_rows(old), namedtuple("usage", "free")
    monkeypatch.setattr(named_candles.shutil, "disk_usage", lambda _: usage(4 * COUNT * 99))
    with pytest.raises(StoreFull, match=r"1,600 candles .* needs 0 MB on its disk"):
        open_database(old)
    assert named_rows(old) == before
    monkeypatch.undo()
    open_database(old).close()
    assert named_rows(old) == before


def test_the_room_that_a_killed_one_took_is_free_again(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wal, usage = Path(f"{old}-wal"), namedtuple("usage", "free")
    wal.write_bytes(bytes(100_000))  # nothing of it was committed
    monkeypatch.setattr(named_candles.shutil, "disk_usage", lambda _: usage(0 if wal.stat().st_size else 10**6))
    open_database(old).close()
    assert named_rows(old)


def test_a_long_one_says_how_far_it_is(
    old: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(migration, "QUIET_S", 0.0)
    monkeypatch.setattr(migration, "SAID_EVERY_S", 0.0)
    with caplog.at_level(logging.WARNING):
        open_database(old).close()
    assert len(caplog.messages) == 16 + 2
    assert caplog.messages[4] == "bringing the database up to date: 500 of 1,600 candles (31 %)"
    assert caplog.messages[-2].endswith("all candles are moved, and written to the disk")


def test_candles_that_come_later_join_what_was_there(old: Path, random_candles) -> None:
    candles = random_candles(1, 3)
    with closing(open_database(old)) as database:
        store = SqliteCandles(database)
        store.save_candles("kraken", "ETH/USD", candles)
        spans = store.covered("kraken", "ETH/USD", Timeframe.H1)
    assert [each.way for each in spans] == [Way.EARLIER, Way.EARLIER, Way.LIVE]
    assert spans[-1].span == TimeSpan(int(candles.open_at_ms[0]), candles.last_at_ms + HOUR_MS)
