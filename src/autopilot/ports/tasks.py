"""Where background tasks are kept, so that they survive a restart."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.document_types import Document
from autopilot.domain.task import Task, TaskState


class TaskStore(Protocol):
    """Shared by processes. What names a task raises NotFound when there is none, every method StoreError.

    Documents are kept as `document` makes them: NaN becomes null, a float its six leading digits.
    """

    def create(self, task: Task) -> None: ...

    def load(self, task_id: str) -> Task: ...

    def recent(self, limit: int) -> tuple[Task, ...]:
        """The latest created first."""
        ...

    def begin(self, task_id: str, pid: int, now_ms: int) -> None:
        """It runs, in the process ``pid``. Beginning again names another process and keeps the time of the start. A
        final task never changes."""
        ...

    def progress(self, task_id: str, stage: str, done: int, total: int, detail: str) -> None:
        """How far it is. Not durable: a power cut may lose the latest. A final task never changes."""
        ...

    def finish(
        self,
        task_id: str,
        state: TaskState,
        now_ms: int,
        result: Document | None = None,
        error: Document | None = None,
    ) -> None:
        """It ended in this final ``state``. The first end counts: a final task never changes. Raises ValueError for a
        state that is not final."""
        ...

    def unfinished(self) -> tuple[Task, ...]:
        """Pending or running, the earliest created first."""
        ...
