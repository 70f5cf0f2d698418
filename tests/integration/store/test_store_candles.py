"""Candles on a real file: idempotent, exact, and at the speed that years of them need."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from autopilot.adapters.store import candles as candles_module
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError, StoreError
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe
from autopilot.ports.market_data import Coverage

FIELDS = ("open_at_ms", "open", "high", "low", "close", "volume")


@pytest.fixture
def store(database: Database) -> SqliteCandles:
    return SqliteCandles(database)


def same(one: Candles, other: Candles) -> bool:
    return one.timeframe is other.timeframe and all(
        np.array_equal(getattr(one, name), getattr(other, name)) and getattr(one, name).flags.c_contiguous
        for name in FIELDS
    )


def test_another_connection_can_write_while_many_candles_are_saved(
    store, database: Database, random_candles, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def pause(_: float) -> None:
        with closing(sqlite3.connect(database.path, timeout=0, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            written.append(other.execute("SELECT count(*) FROM candles").fetchone()[0])
            other.execute("COMMIT")

    monkeypatch.setattr(candles_module, "SAVED_AT_ONCE", 20)
    monkeypatch.setattr(candles_module, "time", SimpleNamespace(sleep=pause))
    candles = random_candles(1, 50)
    assert store.save_candles("kraken", "BTC/USD", candles) == 50
    assert written == [20, 40]
    assert same(store.load_candles("kraken", "BTC/USD", Timeframe.H1), candles)


def test_candles_come_back_to_the_last_bit(store, random_candles) -> None:
    candles = random_candles(1, 500)
    assert store.save_candles("kraken", "BTC/USD", candles) == 500
    loaded = store.load_candles("kraken", "BTC/USD", Timeframe.H1)
    assert same(loaded, candles)
    assert loaded.open_at_ms.dtype == np.int64
    assert loaded.faults() == []


def test_only_what_is_new_or_changed_counts(store, random_candles) -> None:
    candles = random_candles(2, 100)
    assert store.save_candles("kraken", "BTC/USD", candles[:60]) == 60
    assert store.save_candles("kraken", "BTC/USD", candles[40:]) == 40
    assert store.save_candles("kraken", "BTC/USD", candles) == 0
    revised = candles.volume.copy()
    revised[[3, 70]] += 1.0
    assert store.save_candles("kraken", "BTC/USD", replace(candles, volume=revised)) == 2
    assert np.array_equal(store.load_candles("kraken", "BTC/USD", Timeframe.H1).volume, revised)
    assert store.save_candles("kraken", "BTC/USD", Candles.empty(Timeframe.H1)) == 0


def test_markets_are_kept_apart(store, random_candles) -> None:
    hours, minutes = random_candles(3, 10), random_candles(4, 10, timeframe=Timeframe.M1)
    store.save_candles("kraken", "BTC/USD", hours)
    store.save_candles("kraken", "BTC/USD", minutes)
    store.save_candles("kraken", "ETH/USD", hours[:4])
    store.save_candles("coinbase", "BTC/USD", hours[2:5])
    assert same(store.load_candles("kraken", "BTC/USD", Timeframe.M1), minutes)
    assert same(store.load_candles("coinbase", "BTC/USD", Timeframe.H1), hours[2:5])
    assert len(store.load_candles("kraken", "BTC/USD", Timeframe.D1)) == 0
    covered = [(item.exchange, item.symbol, item.timeframe.value, item.count) for item in store.coverage()]
    assert covered == [
        ("coinbase", "BTC/USD", "1h", 3),
        ("kraken", "BTC/USD", "1h", 10),
        ("kraken", "BTC/USD", "1m", 10),
        ("kraken", "ETH/USD", "1h", 4),
    ]
    first, last = (int(minutes.open_at_ms[index]) for index in (0, -1))
    assert store.coverage()[2] == Coverage("kraken", "BTC/USD", Timeframe.M1, first, last, 10)


def test_an_empty_store_covers_nothing(store) -> None:
    assert store.coverage() == ()


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, slice(0, 20)),
        ({"since": 5}, slice(5, 20)),
        ({"until": 5}, slice(0, 6)),
        ({"since": 3, "until": 7}, slice(3, 8)),
        ({"since": 3.5, "until": 7.5}, slice(4, 8)),
        ({"last": 4}, slice(16, 20)),
        ({"until": 9, "last": 4}, slice(6, 10)),
        ({"since": 8, "until": 9, "last": 4}, slice(8, 10)),
        ({"since": 18, "last": 400}, slice(18, 20)),
        ({"last": 0}, slice(0, 0)),
        ({"since": 99}, slice(0, 0)),
        ({"until": -1}, slice(0, 0)),
    ],
)
def test_bounds_are_inclusive_and_last_counts_from_the_end(store, random_candles, bounds, expected) -> None:
    candles = random_candles(5, 20)
    store.save_candles("kraken", "BTC/USD", candles)
    start = int(candles.open_at_ms[0])
    moments = {f"{name}_ms": start + int(hours * HOUR_MS) for name, hours in bounds.items() if name != "last"}
    last = {"last": bounds["last"]} if "last" in bounds else {}
    assert same(store.load_candles("kraken", "BTC/USD", Timeframe.H1, **moments, **last), candles[expected])


def test_one_that_cannot_be_stored_refuses_them_all(store, random_candles) -> None:
    candles = random_candles(6, 10)
    broken = candles.close.copy()
    broken[7] = np.nan
    with pytest.raises(StoreError):
        store.save_candles("kraken", "BTC/USD", replace(candles, close=broken))
    assert store.coverage() == ()


def test_candles_do_not_wait_for_the_disk(database: Database, store, random_candles) -> None:
    said: list[str] = []
    database.connection.set_trace_callback(said.append)
    store.save_candles("kraken", "BTC/USD", random_candles(7, 10))
    database.connection.set_trace_callback(None)
    assert said[0].endswith("NORMAL")
    assert not any(sql.endswith("FULL") for sql in said)


@pytest.mark.parametrize(
    "name",
    ["KRAKEN_BTC-USD_1h.csv.gz", "KRAKEN_ETH-USD_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz", "BINANCE_BTC-USDT_5m.csv.gz"],
)
def test_years_of_real_candles_come_back_to_the_last_bit(path, real_candles, name) -> None:
    candles = real_candles(name)
    database = open_database(path)
    assert SqliteCandles(database).save_candles("exchange", "BTC/USD", candles) == len(candles)
    database.close()
    store = SqliteCandles(open_database(path))
    assert same(store.load_candles("exchange", "BTC/USD", candles.timeframe), candles)
    day = candles.since(int(candles.open_at_ms[len(candles) // 2]))[:24]
    loaded = store.load_candles(
        "exchange", "BTC/USD", candles.timeframe, since_ms=int(day.open_at_ms[0]), until_ms=day.last_at_ms
    )
    assert same(loaded, day)
    assert store.save_candles("exchange", "BTC/USD", candles) == 0


def test_a_window_out_of_many_is_found_and_not_searched(store) -> None:
    """1,000 of 200,000 take the time of 1,000. The best of five, so that a busy machine does not decide."""
    length = 200_000
    price = np.full(length, 100.0)
    at_ms = np.arange(length, dtype=np.int64) * MINUTE_MS
    store.save_candles("kraken", "BTC/USD", Candles(Timeframe.M1, at_ms, price, price, price, price, price))

    def measure() -> float:
        started = time.perf_counter()
        assert len(store.load_candles("kraken", "BTC/USD", Timeframe.M1, last=1_000)) == 1_000
        return time.perf_counter() - started

    assert min(measure() for _ in range(5)) < 0.02


def test_a_renamed_series_takes_its_samples_along_and_a_deleted_one_takes_them_away(
    store, database: Database, random_candles
) -> None:
    candles = random_candles(8, 5)
    store.save_candles("kraken", "BTCB/USD", candles)
    store.save_candles("kraken", "BTC/BUSD", candles[:2])
    for symbol, at in (("BTCB/USD", 1), ("BTCB/USD", 2), ("BTC/BUSD", 1), ("ETH/USD", 1)):
        with database.transaction(durable=False) as connection:
            connection.execute(
                "INSERT INTO performance_samples VALUES ('kraken', ?, '1h', ?, 9, 'quiet', '{}', NULL, NULL)",
                (symbol, at),
            )
    assert store.rename_candles("kraken", "BTCB/USD", Timeframe.H1, "kraken", "BTC/BUSD") == 5
    assert same(store.load_candles("kraken", "BTC/BUSD", Timeframe.H1), candles)
    assert samples(database) == [("BTC/BUSD", 1), ("BTC/BUSD", 2), ("ETH/USD", 1)]
    assert store.delete_candles("kraken", "BTC/BUSD", Timeframe.H1) == 5
    assert (store.coverage(), samples(database)) == ((), [("ETH/USD", 1)])


def samples(database: Database) -> list[tuple[str, int]]:
    return [tuple(row) for row in database.rows("SELECT symbol, candle_at_ms FROM performance_samples ORDER BY 1, 2")]


def test_other_numbers_are_never_renamed_over(store, random_candles) -> None:
    mine, theirs = random_candles(8, 5), random_candles(9, 5)
    store.save_candles("kraken", "A/USD", mine)
    store.save_candles("kraken", "B/USD", theirs)
    with pytest.raises(CandleError, match="has other numbers at 5 of the same times"):
        store.rename_candles("kraken", "A/USD", Timeframe.H1, "kraken", "B/USD")
    assert same(store.load_candles("kraken", "A/USD", Timeframe.H1), mine)
    assert same(store.load_candles("kraken", "B/USD", Timeframe.H1), theirs)
