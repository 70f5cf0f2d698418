"""A symbol-year of decisions at 1m, of which 90 days are kept: how long a step holds the database, and how long another
writer waits. Takes some minutes and half a GB of disk."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

from autopilot.adapters.store import retention
from autopilot.adapters.store.database import Database, open_database
from autopilot.daemon.upkeep import PAUSE_S
from autopilot.daemon.wiring import LOCK_WAIT_S
from autopilot.domain.timeframe import MINUTE_MS
from benchmarks.table import Figure, print_table

ROWS, KEEP_DAYS, DOCUMENT_BYTES = 525_600, 90, 650
SIGNALS = 0.05
"""Share of the decisions with a signal, which are kept."""
LONGEST_MS = 50.0
"""Goal: the longest wait of the other writer."""


def main(_: list[str]) -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "autopilot.db"
        with closing(open_database(path)) as database:
            _fill(database)
        before = path.stat().st_size
        held, ended = _timed_steps(), threading.Event()
        waited: list[float] = []
        writer = threading.Thread(target=partial(_write, path, ended, waited))
        writer.start()
        begin = time.perf_counter()
        deleted = retention.prune_decisions(path, KEEP_DAYS, lambda: not ended.wait(PAUSE_S))
        took_s = time.perf_counter() - begin
        ended.set()
        writer.join()
        with closing(open_database(path)) as database:
            free = database.rows("PRAGMA freelist_count")[0][0] / database.rows("PRAGMA page_count")[0][0]
    print_table(
        f"Pruning {ROWS:,} decisions ({before / 1e9:.1f} GB) to {KEEP_DAYS} days, beside another writer",
        [
            Figure("deleted decisions", deleted, ""),
            Figure("whole pruning", took_s, "s"),
            Figure("a step, with its checkpoint, median", _share(held, 0.5), "ms"),
            Figure("99 of 100 steps", _share(held, 0.99), "ms"),
            Figure("longest", max(held), "ms"),
            Figure("the other writer, median", _share(waited, 0.5), "ms"),
            Figure("longest", max(waited), "ms", LONGEST_MS),
            Figure("pages that new rows take", 100 * free, "%"),
        ],
    )
    return 0


def _fill(database: Database) -> None:
    made = _decisions()
    while rows := list(islice(made, 20_000)):
        with database.transaction(durable=False) as connection:
            connection.executemany(f"INSERT INTO decisions VALUES ({', '.join('?' * 24)})", rows)


def _decisions() -> Iterator[tuple[object, ...]]:
    drawn, document = Random(1), bytes(DOCUMENT_BYTES)
    for number in range(ROWS):
        at_ms, signal = number * MINUTE_MS, "buy" if drawn.random() < SIGNALS else "none"
        key = (f"{number:010x}", "BTC/USD", "paper:kraken", "kraken", "real", "1m", at_ms, at_ms + MINUTE_MS)
        outcome = ("ranging", "momentum", "macd", "rules", 0.5, signal, 100.0, "hold", None, None, None)
        yield (*key, *outcome, "", document, None, "macd", 0)


def _timed_steps() -> list[float]:
    """The milliseconds of every step from now on."""
    taken: list[float] = []
    delete = retention._Retention._delete

    def timed(*given: object) -> None:
        begin = time.perf_counter()
        delete(*given)  # type: ignore[arg-type]
        taken.append((time.perf_counter() - begin) * 1000)

    retention._Retention._delete = timed  # type: ignore[assignment, method-assign]
    return taken


def _write(path: Path, ended: threading.Event, taken: list[float]) -> None:
    """As the daemon's cycles do."""
    with closing(open_database(path)) as database:
        database.wait_at_most(LOCK_WAIT_S)
        while not ended.wait(0.02):
            begin = time.perf_counter()
            with database.transaction(durable=False) as connection:
                connection.execute(
                    "INSERT INTO paper_balances VALUES ('a', 'USD', '1') ON CONFLICT DO UPDATE SET total = '2'"
                )
            taken.append((time.perf_counter() - begin) * 1000)


def _share(taken: list[float], share: float) -> float:
    return sorted(taken)[int(len(taken) * share)]
