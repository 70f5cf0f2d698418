"""A live decision in a daemon, all in: one closed candle at a time, from the fetch to the stored decision."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass

from benchmarks.costs import processor_s, written_bytes
from benchmarks.documents import Books, books, books_difference
from benchmarks.installation import Daemon, Installation, start_symbols
from benchmarks.rows.replay_year import SYMBOLS, wait_for_end
from benchmarks.rows.row import Bench, Check, Figure, Goal, Row

WARM_UP, DAYS, CANDLES_A_SECOND = 200, 25, 33
SETTINGS = {
    "symbols": list(SYMBOLS),
    "exchange": "simulated",
    "auto_execute": True,
    "simulated": {"start": "2024-01-01", "end": f"2024-01-{DAYS + 1}", "speed": 3600.0 * CANDLES_A_SECOND},
}
POLL_S = 0.02
CANDLE_BY_CANDLE = """
from importlib.util import find_spec

if find_spec("autopilot.engine.block_reading"):
    from autopilot.app.trading import autopilots

    assert autopilots.OfflineExchange
    autopilots.OfflineExchange = type("Unlike", (), {})
if find_spec("autopilot.adapters.store.commit_group"):
    from autopilot.daemon import wiring

    assert wiring.CommitGroup
    wiring.CommitGroup = lambda *_: None
"""
"""An offline market is read a block ahead, and its decisions are committed in groups. Here it is taken for an exchange
whose candles to come are unknown."""


@dataclass(frozen=True, slots=True)
class _State:
    """Of a running daemon: what it has decided, spent, written and kept so far."""

    decisions: int
    cpu_s: float
    written: int
    kept: int


@dataclass(frozen=True, slots=True)
class _Decided:
    cpu_ms: float
    written_kb: float
    kept_kb: float
    books: Books


def row(bench: Bench) -> Row:
    found = {each.name: _decided(each) for each in bench.both}
    now, old = found["now"], found[bench.before.name] if bench.before else None
    figures = [
        Figure("CPU", now.cpu_ms, "ms", old.cpu_ms if old else None, Goal(2.0, 1.0)),
        Figure("written to the disk", now.written_kb, "KB", old.written_kb if old else None, Goal(15.0, 8.0)),
        Figure("kept in the database", now.kept_kb, "KB", old.kept_kb if old else None, Goal(1.2, 0.5)),
    ]
    checks = [Check("decisions, orders, trades", books_difference(old.books, now.books))] if old else []
    how = (
        f"A daemon on the simulated market with two symbols and {CANDLES_A_SECOND} candles a second each, "
        f"auto-execute on, read candle by candle as a real one. Means of {len(now.books['decisions']) - WARM_UP:,} "
        f"decisions after the first {WARM_UP}."
    )
    return Row("A live decision in the daemon", how, figures, checks)


def _decided(installed: Installation) -> _Decided:
    with installed.configured(SETTINGS) as directory, installed.daemon(directory, CANDLE_BY_CANDLE) as daemon:
        start_symbols(daemon)
        while (begin := _state(daemon)).decisions < WARM_UP:
            time.sleep(POLL_S)
        wait_for_end(daemon)
        end = _state(daemon)
        each = end.decisions - begin.decisions
        return _Decided(
            1000 * (end.cpu_s - begin.cpu_s) / each,
            (end.written - begin.written) / 1000 / each,
            (end.kept - begin.kept) / 1000 / each,
            books(daemon.client),
        )


def _state(daemon: Daemon) -> _State:
    pages, free, size = (_asked(daemon, f"PRAGMA {name}") for name in ("page_count", "freelist_count", "page_size"))
    return _State(decided(daemon), processor_s(daemon.pid), written_bytes(daemon.pid), (pages - free) * size)


def decided(daemon: Daemon) -> int:
    """How many decisions are stored."""
    return _asked(daemon, "SELECT count(*) FROM decisions")


def _asked(daemon: Daemon, question: str) -> int:
    with closing(sqlite3.connect(f"file:{daemon.directory / 'autopilot.db'}?mode=ro", uri=True)) as opened:
        return int(opened.execute(question).fetchone()[0])
