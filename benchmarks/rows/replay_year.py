"""A year of hours of two symbols through a real daemon, as fast as it goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.costs import processor_s
from benchmarks.documents import Books, books, books_difference
from benchmarks.installation import Daemon, Installation, start_symbols
from benchmarks.rows.row import Bench, Check, Figure, Goal, Row
from benchmarks.running import real_candles

SYMBOLS = ("BTC/USD", "ETH/USD")
YEAR = {"start": "2022-01-01", "end": "2023-01-01", "speed": 0}


def row(bench: Bench) -> Row:
    folder = real_candles()
    found = {each.name: _replayed(each, folder) for each in bench.both}
    seconds, now = found["now"]
    old = found[bench.before.name] if bench.before else None
    decisions = len(now["decisions"])
    old_each = 1000 * old[0] / len(old[1]["decisions"]) if old else None
    figures = [
        Figure("a decision, start-up included", 1000 * seconds / decisions, "ms CPU", old_each, Goal(1.2, 0.6)),
        Figure("the whole year", seconds, "s CPU", old[0] if old else None, Goal(25.0)),
    ]
    checks = [Check("decisions, orders, trades", books_difference(old[1], now))] if old else []
    market = "real candles of Kraken" if folder else "the simulated market: AUTOPILOT_TEST_DATA is not set"
    how = f"2022 at 1h, {' and '.join(SYMBOLS)}, auto-execute on, {market}; {decisions:,} decisions."
    return Row("Replay through the daemon", how, figures, checks)


def _replayed(installed: Installation, folder: Path | None) -> tuple[float, Books]:
    """(CPU seconds of the daemon until the market ended, what it decided)."""
    with replaying(installed, folder) as daemon:
        begin_s = wait_for_end(daemon)
        return begin_s, books(daemon.client)


@contextmanager
def replaying(installed: Installation, folder: Path | None) -> Iterator[Daemon]:
    exchange: dict[str, object] = {"replay": {**YEAR, "source": "kraken"}} if folder else {"simulated": YEAR}
    settings = {"symbols": list(SYMBOLS), "exchange": next(iter(exchange)), "auto_execute": True, **exchange}
    with installed.configured(settings) as directory:
        for symbol in SYMBOLS if folder else ():
            installed.autopilot(directory, "data", "import", f"{folder}/KRAKEN_{symbol.replace('/', '-')}_1h.csv.gz")
        with installed.daemon(directory) as daemon:
            start_symbols(daemon)
            yield daemon


def wait_for_end(daemon: Daemon) -> float:
    """CPU seconds of the daemon when the market of all its symbols has ended."""
    finished: set[str] = set()
    for event in daemon.client.events(("symbol",), after=0):
        if event["body"]["state"] == "finished":
            finished.add(event["body"]["symbol"])
        if finished == set(SYMBOLS):
            break
    time.sleep(0.2)
    return processor_s(daemon.pid)
