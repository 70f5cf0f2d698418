"""A year of hours of two symbols through a real daemon, as fast as it goes."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from autopilot.adapters.store.views.bookkeeping import check_books
from benchmarks.running import autopilot, configured, daemon, real_candles
from benchmarks.table import Figure, print_table

SYMBOLS = ("BTC/USD", "ETH/USD")
GOAL_S = 60.0
YEAR = {"start": "2022-01-01", "end": "2023-01-01", "speed": 0}


def run() -> None:
    with configured(_settings("simulated", YEAR)) as directory:
        _measure("simulated market", directory)
    folder = real_candles()
    if folder is None:
        print("  (on real candles too where AUTOPILOT_TEST_DATA names their folder)")
        return
    with configured(_settings("replay", {**YEAR, "source": "kraken"})) as directory:
        for symbol in SYMBOLS:
            autopilot(directory, "data", "import", str(folder / f"KRAKEN_{symbol.replace('/', '-')}_1h.csv.gz"))
        _measure("real candles of Kraken", directory)


def _settings(exchange: str, period: Mapping[str, object]) -> dict[str, object]:
    return {"symbols": list(SYMBOLS), "exchange": exchange, "auto_execute": True, exchange: dict(period)}


def _measure(market: str, directory: Path) -> None:
    begin = time.perf_counter()
    autopilot(directory, "start")
    finished: set[str] = set()
    for event in daemon(directory).events(("symbol",), after=0):
        if event["body"]["state"] == "finished":
            finished.add(event["body"]["symbol"])
        if finished == set(SYMBOLS):
            break
    seconds = time.perf_counter() - begin
    books = check_books(directory / "autopilot.db")
    print_table(
        f"One year of 1h candles, {' and '.join(SYMBOLS)}, {market}",
        [
            Figure("from `autopilot start` to the market's end", seconds, "s", GOAL_S, f"{books.fills:,} fills"),
            Figure("the daemon's own processor time", _processor_s(int(daemon(directory).get("/health")["pid"])), "s"),
            Figure("closed candles decided", books.decisions, ""),
            Figure("decisions per second", books.decisions / seconds, "1/s"),
        ],
    )


def _processor_s(pid: int) -> float:
    """Seconds of processor time: on a busy machine the wall shows more."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
