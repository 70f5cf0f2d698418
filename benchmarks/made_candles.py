"""Candles from a seed, at 1m. As a program it stores them: it takes the database, exchange, symbol and length, and runs
under any state of the code."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import numpy as np

from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

_START_MS = 1_577_836_800_000


def made_candles(length: int) -> Candles:
    """A random walk of 0.08 % a minute."""
    random = np.random.default_rng(1)
    close = 20_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.0008, length)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(random.normal(0.0, 0.0003, length)))
    low = np.minimum(opened, close) * (1.0 - np.abs(random.normal(0.0, 0.0003, length)))
    at_ms = _START_MS + np.arange(length, dtype=np.int64) * Timeframe.M1.ms
    return Candles.from_arrays(Timeframe.M1, at_ms, opened, high, low, close, random.uniform(10.0, 50.0, length))


def _store(database: str, exchange: str, symbol: str, length: str) -> None:
    with closing(open_database(Path(database))) as opened:
        SqliteCandles(opened).save_candles(exchange, symbol, made_candles(int(length)))


if __name__ == "__main__":
    _store(*sys.argv[1:])
