"""Makes the decisions and samples that an earlier version stored compact, a few at a time, while the daemon runs.

Nothing waits for it: both forms are read. Each step is stored with its rows, so that a run goes on where an earlier one
ended, however that was.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from autopilot.adapters.store.compact_documents import compact_document, decision_document, json_document, json_text
from autopilot.adapters.store.compact_returns import compact_returns, list_id
from autopilot.adapters.store.database import Store, open_database
from autopilot.adapters.store.decision_columns import COLUMNS, decision_columns
from autopilot.adapters.store.rows import from_json
from autopilot.adapters.store.views.storage import plain_rows
from autopilot.domain.errors import StoreCorrupt

STEP_ROWS, STEP_SAMPLES = 20, 200
"""Decisions and samples of one step, which holds the database for some milliseconds."""
_PLAIN = (
    "SELECT rowid, candle_at_ms, plain_document FROM decisions INDEXED BY decisions_plain"
    " WHERE document IS NULL AND (candle_at_ms, rowid) > (?, ?) ORDER BY candle_at_ms, rowid LIMIT ?"
)
_COMPACT = (
    f"UPDATE decisions SET plain_document = '', document = ?, {', '.join(f'{name} = ?' for name in COLUMNS)}"
    " WHERE rowid = ? AND document IS NULL"
)
_KEY = "candle_at_ms, exchange, timeframe, symbol"
_PLAIN_SAMPLES = (
    f"SELECT {_KEY}, plain_returns FROM performance_samples INDEXED BY samples_plain"
    f" WHERE returns IS NULL AND ({_KEY}) > (?, ?, ?, ?) ORDER BY {_KEY} LIMIT ?"
)
_COMPACT_SAMPLE = (
    "UPDATE performance_samples SET plain_returns = '', returns = ?, strategies = ?"
    f" WHERE ({_KEY}) = (?, ?, ?, ?) AND returns IS NULL"
)


class Compacted(NamedTuple):
    """How many rows a run made compact, and how many are still plain."""

    done: int
    left: int


def compact_rows(path: Path, pause: Callable[[], bool]) -> Compacted:
    """Make all plain rows compact, those of the oldest candles first. ``pause`` is called between two steps and says
    whether to go on. A row that cannot be read stays as it is. Raises StoreError."""
    with closing(open_database(path)) as database:
        compaction, done = _Compaction(database), 0
        for step in compaction.steps():
            done += step
            if not pause():
                break
        return Compacted(done, sum(plain_rows(database.connection).values()))


class _Compaction(Store):
    def steps(self) -> Iterator[int]:
        """Yields the number of rows of each step."""
        yield from self._decisions()
        yield from self._samples()

    def _decisions(self) -> Iterator[int]:
        last = (-1, -1)
        while rows := self._database.rows(_PLAIN, (*last, STEP_ROWS)):
            last = (rows[-1]["candle_at_ms"], rows[-1]["rowid"])
            # All that takes time is done before the transaction.
            made = [(*values, row["rowid"]) for row in rows if (values := _compacted(row["plain_document"]))]
            with self._database.transaction(durable=False) as connection:
                connection.executemany(_COMPACT, made)
            yield len(made)

    def _samples(self) -> Iterator[int]:
        last: tuple[object, ...] = (-1, "", "", "")
        while rows := self._database.rows(_PLAIN_SAMPLES, (*last, STEP_SAMPLES)):
            last = tuple(rows[-1])[:4]
            with self._database.transaction(durable=False) as connection:
                made = sum(_compact_sample(connection, row) for row in rows)
            yield made


def _compacted(text: str) -> tuple[object, ...] | None:
    """The document in its compact form, with the columns beside it; None if it cannot be read, or would not be the same
    afterwards."""
    try:
        plain = decision_document(text)
        made = compact_document(plain)
        return (made, *decision_columns(plain)) if json_document(made) == json_text(plain) else None
    except (StoreCorrupt, LookupError, TypeError):
        return None


def _compact_sample(connection: sqlite3.Connection, row: sqlite3.Row) -> int:
    """The number of changed rows."""
    try:
        returns = from_json(row["plain_returns"])
        made = compact_returns(tuple(returns.values()))
    except (StoreCorrupt, AttributeError, TypeError, ArithmeticError):
        return 0
    strategies = list_id(connection, tuple(returns))
    return connection.execute(_COMPACT_SAMPLE, (made, strategies, *tuple(row)[:4])).rowcount
