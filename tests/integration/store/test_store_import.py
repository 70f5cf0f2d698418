"""Files come into a real database, once however often they are imported, and a revised candle replaces the old one."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import DAY_MS, Timeframe

DAY = 1_517_443_200_000


def write(path: Path, candles: Candles) -> None:
    rows = [",".join(map(repr, candles.candle(index))) for index in range(len(candles))]
    path.write_bytes(gzip.compress("\n".join(["timestamp,open,high,low,close,volume", *rows]).encode()))


def test_candles_are_imported_once_and_revised(tmp_path: Path, database: Database, random_candles) -> None:
    store, path, candles = SqliteCandles(database), tmp_path / "KRAKEN_BTC-USD_1h.csv.gz", random_candles(1, 500)
    write(path, candles)
    assert [import_path(store, path)[0].written for _ in range(2)] == [500, 0]
    candles.volume[7] += 1.0
    write(path, candles)
    assert import_path(store, path)[0].written == 1
    kept = store.load_candles("kraken", "BTC/USD", Timeframe.H1)
    np.testing.assert_array_equal(kept.volume, candles.volume)
    np.testing.assert_array_equal(kept.open_at_ms, candles.open_at_ms)


def test_sentiment_is_imported_and_known_from_its_day_on(tmp_path: Path, database: Database) -> None:
    path = tmp_path / "FEAR_GREED_1d.csv"
    path.write_text(f"timestamp,value,classification\n{DAY},30,Fear\n{DAY + DAY_MS},15,Extreme Fear\n")
    store = SqliteSentiment(database)
    for _ in range(2):
        assert import_sentiment(store, path).written == 2
    series = store.load_sentiment("fear_greed", 0, 2**62)
    moments = np.array([DAY - 1, DAY, DAY + DAY_MS - 1, DAY + DAY_MS])
    np.testing.assert_array_equal(series.at(moments), [np.nan, 30.0, 30.0, 15.0])


@pytest.mark.parametrize("name", ["KRAKEN_BTC-USDC_1m.csv.gz", "COINBASE_BTC-USD_1h.csv.gz"])
def test_real_files_lose_no_candle(tmp_path: Path, database: Database, real_candles, name: str) -> None:
    expected = real_candles(name)
    write(tmp_path / name, expected)
    (report,) = import_path(SqliteCandles(database), tmp_path)
    assert (report.read, report.written, report.dropped) == (len(expected), len(expected), {})
