"""The audit log in SQLite. Standard library only: a query must answer at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from autopilot.adapters.audit_head import Anchor
from autopilot.adapters.store.arming_proof import altered_armings
from autopilot.adapters.store.database import Database, Store, open_readonly
from autopilot.adapters.store.mode_proof import compared_modes
from autopilot.adapters.store.model_proof import altered_models
from autopilot.adapters.store.rows import from_json
from autopilot.domain.audit import GENESIS, AuditKind, AuditRow, Compared, Head, Verdict, canonical, chained, verify
from autopilot.domain.document_types import Document
from autopilot.domain.errors import StoreCorrupt
from autopilot.domain.paging import Cursor

_COLUMNS = "seq, at_ms, kind, actor, body, previous, hash"
_ADD = f"INSERT INTO audit ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)"
_LAST = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1"


class AuditTrail:
    """Where one process writes its rows; several may, for each looks up the last row within its transaction.

    ``actor``: the default actor; ``now_ms``: the machine's time.
    """

    def __init__(self, anchor: Anchor, actor: str, now_ms: Callable[[], int]) -> None:
        self._anchor = anchor
        self._actor = actor
        self._now_ms = now_ms

    def append(
        self, connection: sqlite3.Connection, kind: AuditKind, body: Document, *, actor: str | None = None
    ) -> None:
        """Add a row within the open, durable transaction: it is stored if and only if the change that it records is,
        and before the anchor moves to it."""
        head = _last(connection)
        if head == GENESIS:
            self._anchor.begin()
        row = chained(head, self._now_ms(), kind.value, actor or self._actor, canonical(body))
        connection.execute(_ADD, (row.seq, row.at_ms, row.kind, row.actor, row.body, row.previous, row.hash))
        self._anchor.follow()

    def record(self, database: Database, kind: AuditKind, body: Document, *, actor: str | None = None) -> None:
        """Add a row for an event that changes no table, durably. Raises StoreError."""

        def add() -> None:
            with database.transaction(durable=True) as connection:
                self.append(connection, kind, body, actor=actor)

        database.urgently(add)


class AuditedStore(Store):
    """A store whose changes are also recorded in ``audit``, in the same transaction; without ``audit`` they are not."""

    def __init__(self, database: Database, audit: AuditTrail | None = None, *, grouped: bool = False) -> None:
        super().__init__(database, grouped=grouped)
        self._audit = audit


def recent(
    database: Path,
    limit: int,
    kind: AuditKind | None = None,
    since_ms: int | None = None,
    before: Cursor | None = None,
) -> Document:
    """``{"audit": [row …]}``, the latest first, and if there are more, ``next``: where the next page begins.

    Rows stay in the order of the log, whatever a clock that was changed says. Raises StoreError."""
    bounds: dict[str, int | str | None] = {
        "kind = :kind": kind.value if kind else None,
        "at_ms >= :since": since_ms,
        "at_ms < :before": before.at_ms if before and before.row is None else None,
        "seq < :row": before.row if before else None,
    }
    given = {condition: value for condition, value in bounds.items() if value is not None}
    with open_readonly(database) as connection:
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM audit WHERE {' AND '.join(given) or '1'} ORDER BY seq DESC LIMIT :limit",
            {**{condition.rpartition(":")[2]: value for condition, value in given.items()}, "limit": limit + 1},
        ).fetchall()
    last = rows[limit - 1] if len(rows) > limit else None
    following = {"next": str(Cursor(last["at_ms"], last["seq"]))} if last else {}
    return {"audit": [{**dict(row), "body": from_json(row["body"])} for row in rows[:limit]], **following}


def verify_all(database: Path, anchor: Head | None) -> Verdict:
    """Verify all rows, and the armings, modes and models. Read ``anchor`` before: the log may grow meanwhile. Raises
    StoreError."""
    with open_readonly(database) as connection:
        opened = Database(database, connection)
        return replace(
            verify(_rows(connection), anchor),
            armings=_compared(opened, "armings", altered_armings(opened)),
            modes=compared_modes(opened),
            models=_compared(opened, "models", altered_models(opened)),
        )


def verify_recent(database: Path, anchor: Head | None) -> Verdict:
    """Verify the anchored row and the rows after it; all rows if there is no anchor. Raises StoreError."""
    with open_readonly(database) as connection:
        if anchor is None or anchor == GENESIS:
            return verify(_rows(connection), anchor)
        anchored = connection.execute("SELECT previous FROM audit WHERE seq = ?", (anchor.seq,)).fetchone()
        if anchored is None:
            return verify((), anchor, _last(connection))
        begin = Head(anchor.seq - 1, anchored["previous"])
        return verify(_rows(connection, f"WHERE seq >= {anchor.seq}"), anchor, begin)


def advanced(database: Path, anchor: Head) -> Head:
    """The latest head. Raises StoreCorrupt if the log no longer has the row ``anchor``, StoreError."""
    with open_readonly(database) as connection:
        found = connection.execute("SELECT hash FROM audit WHERE seq = ?", (anchor.seq,)).fetchone()
        if anchor != GENESIS and (found is None or found["hash"] != anchor.hash):
            raise StoreCorrupt(
                f"the audit log in {database} does not hold row {anchor.seq} as it was", hint="autopilot audit verify"
            )
        return _last(connection)


def latest(database: Path) -> Head:
    """The latest head. Raises StoreError."""
    with open_readonly(database) as connection:
        return _last(connection)


def _compared(database: Database, table: str, altered: Sequence[str]) -> Compared:
    return Compared(database.rows(f"SELECT count(*) FROM {table}")[0][0], tuple(altered))


def _last(connection: sqlite3.Connection) -> Head:
    row = connection.execute(_LAST).fetchone()
    return Head(row[0], row[1]) if row else GENESIS


def _rows(connection: sqlite3.Connection, condition: str = "") -> Iterator[AuditRow]:
    for row in connection.execute(f"SELECT {_COLUMNS} FROM audit {condition} ORDER BY seq"):
        yield AuditRow(*row)
