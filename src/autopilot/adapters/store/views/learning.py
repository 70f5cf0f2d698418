"""Background tasks and trained models, as JSON documents, read beside a running daemon or without one.

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
_MODEL = "id, created_at_ms, state, schema, sha256, verdict, is_champion, retired_at_ms, note"
_CHANGE = "at_ms, event, model_id, previous_id, reason"


def tasks(database: Path, limit: int) -> Document:
    """``{"tasks": [...]}``, the latest created first, each as `task` gives it."""
    with open_readonly(database) as connection:
        rows = connection.execute(
            f"SELECT {_TASK} FROM tasks ORDER BY created_at_ms DESC, id DESC LIMIT ?", (limit,)
        ).fetchall()
    return {"tasks": [_task(row) for row in rows]}


def task(database: Path, task_id: str) -> Document:
    """One task with its request and its result or error: the fields of the domain's Task. Raises NotFound."""
    with open_readonly(database) as connection:
        row = connection.execute(f"SELECT {_TASK} FROM tasks WHERE id = ?", (task_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no task {task_id!r}", hint="autopilot tasks lists them with their ids")
    return _task(row)


def models(database: Path) -> Document:
    """``{"models": [...], "history": [...]}``: the fields of ModelEntry and ModelChange, the newest first."""
    with open_readonly(database) as connection:
        entries = connection.execute(f"SELECT {_MODEL} FROM models ORDER BY created_at_ms DESC, rowid DESC").fetchall()
        changes = connection.execute(f"SELECT {_CHANGE} FROM model_history ORDER BY id DESC").fetchall()
    return {
        "models": [{**dict(row), "is_champion": bool(row["is_champion"])} for row in entries],
        "history": [dict(row) for row in changes],
    }


def _task(row: sqlite3.Row) -> Document:
    documents = {name: row[name] and from_json(row[name]) for name in ("request", "result", "error")}
    return {**dict(row), **documents}
