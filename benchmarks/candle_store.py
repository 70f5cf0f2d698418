"""Writing, reading and importing candles: beside sqlite3's own statements and, with --before, another revision."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any

from autopilot.adapters.store.database import open_database
from benchmarks.costs import environment
from benchmarks.installation import ROOT, Installation, installations
from benchmarks.made_candles import made_candles

COUNT, ROUNDS = 1_000_000, 3
FILES = (
    *("KRAKEN_BTC-USD_1h", "KRAKEN_ETH-USD_1h", "BINANCE_BTC-USDT_1h"),
    *("BINANCE_BTC-USDT_5m", "BINANCE_ETH-USDT_5m", "COINBASE_BTC-USD_1h"),
)
"""In the folder ohlcv of AUTOPILOT_TEST_DATA; 318,786 rows."""
PROGRAM = ROOT / "benchmarks" / "candle_work.py"
FIGURES = {
    "write_s": f"{COUNT:,} candles written, s CPU",
    "read_s": f"{COUNT:,} candles read into arrays, s CPU",
    "list_s": f"{COUNT:,} candles counted, s CPU",
    "bytes": "bytes of the database for a candle",
    "import_s": "six files imported, s CPU",
}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks candle_store", description=__doc__)
    parser.add_argument("--before", metavar="REF", help="a git revision of this repository to measure beside")
    rounds: list[dict[str, Any]] = []
    with installations(parser.parse_args(arguments).before) as (now, before):
        for _ in range(ROUNDS):
            rounds.append({"yardstick": _yardstick_s(), "now": _measured(now)})
            if before:
                rounds[-1]["before"] = _measured(before)
    for name, words in FIGURES.items():
        ours = median(each["now"][name] for each in rounds)
        print(f"{words}: {ours:.3g}", end="")
        if before:
            theirs = median(each["before"][name] for each in rounds)
            print(f"; before {theirs:.3g}, {theirs / ours:.2f} times", end="")
        print()
    yardstick = median(each["yardstick"] for each in rounds)
    ours = median(each["now"]["write_s"] for each in rounds)
    print(f"sqlite3's own executemany of the same rows: {yardstick:.3g} s CPU, {yardstick / ours:.2f} times")
    digests = {tuple(each[name]["digests"]) for each in rounds for name in ("now", "before") if name in each}
    print("every candle is equal" if len(digests) == 1 else "CANDLES DIFFER")
    return 0 if len(digests) == 1 else 1


def _measured(installation: Installation) -> dict[str, Any]:
    data = Path(os.environ["AUTOPILOT_TEST_DATA"]) / "ohlcv"
    files = [str(data / f"{name}.csv.gz") for name in FILES]
    with tempfile.TemporaryDirectory() as folder:
        command = [installation.python, str(PROGRAM), folder, str(COUNT), *files]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _yardstick_s() -> float:
    """One statement for each row, all in one transaction that waits for the disk."""
    made = made_candles(COUNT)
    columns = (made.open_at_ms, made.open, made.high, made.low, made.close, made.volume)
    with tempfile.TemporaryDirectory() as folder, closing(open_database(Path(folder) / "autopilot.db")) as database:
        begin = time.process_time()
        with database.transaction(durable=True) as connection:
            rows = zip(*(column.tolist() for column in columns), strict=True)
            connection.executemany("INSERT INTO candles VALUES (1, ?, ?, ?, ?, ?, ?)", rows)
        return time.process_time() - begin
