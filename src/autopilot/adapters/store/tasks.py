"""Background tasks in SQLite."""

from __future__ import annotations

import json
import sqlite3

from autopilot.adapters.store.database import Store, urgent
from autopilot.adapters.store.rows import from_json, insert, stored_value, to_row
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import NotFound
from autopilot.domain.task import Task, TaskState

_UNFINISHED = "state IN ('pending', 'running')"


class SqliteTasks(Store):
    """Shared by processes, and kept across restarts. Methods that name a task raise NotFound if it does not exist;
    every method raises StoreError.

    Documents are kept as `document` makes them: NaN becomes null, a float its six leading digits.
    """

    def create(self, task: Task) -> None:
        documents = {"request": _text(task.request), "result": _text(task.result), "error": _text(task.error)}
        with self._database.transaction(durable=True) as connection:
            connection.execute(insert("tasks", Task), {**to_row(task), **documents})

    def load(self, task_id: str) -> Task:
        row = self._database.row("SELECT * FROM tasks WHERE id = ?", (task_id,))
        if row is None:
            raise _no_task(task_id)
        return _task(row)

    def begin(self, task_id: str, pid: int, now_ms: int) -> None:
        """It runs in the process ``pid``. To begin again names another process and keeps the time of the start. A final
        task never changes."""
        self._change(
            task_id,
            "state = 'running', pid = :pid, started_at_ms = coalesce(started_at_ms, :now_ms)",
            {"pid": pid, "now_ms": now_ms},
            durable=True,
        )

    def progress(self, task_id: str, stage: str, done: int, total: int, detail: str) -> None:
        """How far it is. Not durable: a power cut may lose the latest. A final task never changes."""
        self._change(
            task_id,
            "stage = :stage, done = :done, total = :total, detail = :detail",
            {"stage": stage, "done": done, "total": total, "detail": detail},
            durable=False,
        )

    @urgent
    def finish(
        self,
        task_id: str,
        state: TaskState,
        now_ms: int,
        result: Document | None = None,
        error: Document | None = None,
    ) -> None:
        """It ended in this final ``state``. The first end counts: a final task never changes. Raises ValueError if the
        state is not final."""
        if not state.is_final:
            raise ValueError(f"a task cannot end as {state}")
        self._change(
            task_id,
            "state = :state, ended_at_ms = :now_ms, result = :result, error = :error",
            {"state": state.value, "now_ms": now_ms, "result": _text(result), "error": _text(error)},
            durable=True,
        )

    def unfinished(self) -> tuple[Task, ...]:
        """Pending or running, the earliest created first."""
        rows = self._database.rows(f"SELECT * FROM tasks WHERE {_UNFINISHED} ORDER BY created_at_ms, id")
        return tuple(_task(row) for row in rows)

    def _change(self, task_id: str, assignments: str, values: Document, *, durable: bool) -> None:
        """Unless the task is final. Raises NotFound."""
        with self._database.transaction(durable=durable) as connection:
            if connection.execute("SELECT 1 FROM tasks WHERE id = ?", (task_id,)).fetchone() is None:
                raise _no_task(task_id)
            connection.execute(
                f"UPDATE tasks SET {assignments} WHERE id = :id AND {_UNFINISHED}", {**values, "id": task_id}
            )


def _no_task(task_id: str) -> NotFound:
    return NotFound(f"there is no task {task_id!r}", hint="autopilot tasks lists them with their ids")


def _text(value: Document | None) -> str | None:
    return None if value is None else json.dumps(document(value), separators=(",", ":"))


def _task(row: sqlite3.Row) -> Task:
    with stored_value("task"):
        columns = dict(row)
        documents = {name: columns[name] and from_json(columns[name]) for name in ("request", "result", "error")}
        return Task(**{**columns, **documents, "state": TaskState(columns["state"])})
