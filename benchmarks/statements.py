"""What one decision costs a daemon: processor time, SQL statements, commits, bytes written and bytes kept."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.config.paths import Paths, create_directories, find_paths
from autopilot.control.requests import StartRequest
from autopilot.daemon import wiring
from benchmarks.rows.replay_year import SYMBOLS
from benchmarks.running import configured
from benchmarks.table import Figure, print_table

PERIOD = {"start": "2022-01-01", "end": "2022-03-15", "speed": 0}
WRITTEN_GOAL, KEPT_GOAL = 15_000, 1_200


def main(_: list[str]) -> int:
    found = measure()
    print_table(
        f"A decision, {' and '.join(SYMBOLS)} on the simulated market, {found['decisions']:,.0f} of them",
        [
            Figure("bytes written, write-ahead log and database", found["written"], "B", WRITTEN_GOAL),
            Figure("bytes kept, samples and indexes included", found["kept"], "B", KEPT_GOAL),
            Figure("processor time, all in", found["cpu_ms"], "ms"),
            Figure("of it in record_decision", found["record_ms"], "ms"),
            Figure("SQL statements", found["statements"], ""),
            Figure("commits", found["commits"], ""),
        ],
    )
    return 0


def measure() -> dict[str, float]:
    """Per decision, but for ``decisions``: their number. Bytes are those of all writes to files, the log included."""
    statements: Counter[str] = Counter()
    timed = _decided(lambda _: None)
    counted = _decided(lambda database: database.connection.set_trace_callback(partial(_count, statements)))
    return {
        **timed,
        "statements": sum(statements.values()) / counted["decisions"],
        "commits": statements["COMMIT"] / counted["decisions"],
    }


def _count(statements: Counter[str], sql: str) -> None:
    statements[sql.split("\n", maxsplit=1)[0][:60]] += 1


def _decided(watch: Callable[[Database], object]) -> dict[str, float]:
    settings = {"symbols": list(SYMBOLS), "exchange": "simulated", "auto_execute": True, "simulated": PERIOD}
    with configured(settings) as directory:
        paths = find_paths(None, directory, {})
        create_directories(paths)
        used = asyncio.run(_decide_all(paths, watch))
        with closing(open_database(paths.database)) as database:
            count = int(database.rows("SELECT count(*) FROM decisions")[0][0])
            pages, free, size = (
                int(database.rows(f"PRAGMA {name}")[0][0]) for name in ("page_count", "freelist_count", "page_size")
            )
    return {
        "decisions": count,
        **{name: value / count for name, value in used.items()},
        "kept": (pages - free) * size / count,
    }


async def _decide_all(paths: Paths, watch: Callable[[Database], object]) -> dict[str, float]:
    """A whole daemon but for its socket, in this process, until the market ends."""
    stored, record = [0.0], SqliteLedger.record_decision

    def timed(ledger: SqliteLedger, *given: Any) -> bool:
        begin = time.process_time()
        done = record(ledger, *given)
        stored[0] += time.process_time() - begin
        return done

    service = wiring.open_service(paths, lambda: None)
    database: Database = service._database
    watch(database)
    with patch.object(SqliteLedger, "record_decision", timed):
        written, begin = _written(), time.process_time()
        await service.start(StartRequest())
        running = set(SYMBOLS)
        async for event in service.events.since(0):
            if event.kind == "symbol" and event.body["state"] == "finished":
                running.discard(event.body["symbol"])
            if not running:
                break
        await service.close()
    return {
        "cpu_ms": 1e3 * (time.process_time() - begin),
        "record_ms": 1e3 * stored[0],
        "written": _written() - written,
    }


def _written() -> int:
    """Bytes that this process wrote to files so far."""
    found = re.search(r"^wchar: (\d+)$", Path("/proc/self/io").read_text(), re.MULTILINE)
    assert found, "no wchar in /proc"
    return int(found[1])
