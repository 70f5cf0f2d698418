"""Importing 10,000 well-formed and 10,000 damaged candle files, which are made from seeds, and the time of a large
file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database

PROGRAM = Path(__file__).parents[1] / "tests" / "stand_ins" / "written_files.py"
FILES = 10_000
ROWS = 500_000


def run() -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "KRAKEN_BTC-USD_1m.csv"
        path.write_text(_large_file())
        with closing(open_database(Path(place) / "autopilot.db")) as database:
            begin = time.perf_counter()
            written = import_path(SqliteCandles(database), path)[0].written
        print(f"a CSV file of {written:,} rows: {time.perf_counter() - begin:.1f} s")


def main(arguments: list[str]) -> int:
    """``arguments``: how many files of each kind."""
    run()
    return subprocess.run([sys.executable, PROGRAM, *(arguments or [str(FILES)])], check=False).returncode


def _large_file() -> str:
    random = np.random.default_rng(1)
    close = (100 * np.exp(np.cumsum(random.normal(0, 0.001, ROWS)))).round(2)
    opened = np.concatenate([[100.0], close[:-1]])
    high, low = np.maximum(opened, close) + 0.05, np.minimum(opened, close) - 0.05
    volume = random.uniform(1, 10, ROWS).round(6)
    times = 1_600_000_020_000 + np.arange(ROWS) * 60_000
    columns = (times, opened, high.round(2), low.round(2), close, volume)
    rows = zip(*(column.tolist() for column in columns), strict=True)
    return "timestamp,open,high,low,close,volume\n" + "\n".join(",".join(map(str, row)) for row in rows) + "\n"
