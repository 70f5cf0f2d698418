"""Background tasks as JSON documents, read beside a running daemon or without one.

Standard library only: a query must answer at once. Every function raises StoreError.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from autopilot.adapters.store.database import open_readonly
from autopilot.adapters.store.rows import from_json
from autopilot.domain.document_types import Document
from autopilot.domain.errors import NotFound

_TASK = (
    "id, kind, state, created_at_ms, started_at_ms, ended_at_ms, pid, request, stage, done, total, detail, result,"
    " error"
)
TASKS_SHOWN = 50


def tasks(database: Path, limit: int = TASKS_SHOWN) -> Document:
    """``{"tasks": [...]}``, the latest created first: the fields of the domain's Task."""
    with open_readonly(database) as connection:
        rows = connection.execute(
            f"SELECT {_TASK} FROM tasks ORDER BY created_at_ms DESC, id DESC LIMIT ?", (limit,)
        ).fetchall()
    return {"tasks": [_task(row) for row in rows]}


def task(database: Path, task_id: str) -> Document:
    """``{"task": {...}}``, with its request and its result or error. Raises NotFound."""
    with open_readonly(database) as connection:
        row = connection.execute(f"SELECT {_TASK} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no task {task_id!r}", hint="autopilot tasks lists them with their ids")
    return {"task": _task(row)}


def _task(row: sqlite3.Row) -> Document:
    documents = {name: row[name] and from_json(row[name]) for name in ("request", "result", "error")}
    return {**dict(row), **documents}
