"""Background work that outlives the command that started it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.document_types import Document

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: sorted as ASCII, without letters that look like digits."""
_TIME_DIGITS = 9


class TaskState(StrEnum):
    """Pending, then running, then one of three final states."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """Whether a task in this state never changes again."""
        return self not in (TaskState.PENDING, TaskState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One background task. ``kind`` is its job, such as ``retrain``; ``request`` has the job's parameters.

    ``pid``: its process. ``done`` of ``total`` steps of the present ``stage`` are complete; ``detail`` names the step.
    ``result`` is set after success, ``error`` after failure: ``{"code", "kind", "message", "hint", "type",
    "traceback"}``, all text.
    """

    id: str
    kind: str
    state: TaskState
    created_at_ms: int
    started_at_ms: int | None = None
    ended_at_ms: int | None = None
    pid: int | None = None
    request: Document
    stage: str = ""
    done: int = 0
    total: int = 0
    detail: str = ""
    result: Document | None = None
    error: Document | None = None


def task_id(now_ms: int, entropy: bytes) -> str:
    """``t`` and eleven characters. Later ids sort after earlier ones; two random bytes distinguish those of the same
    millisecond. Valid from 1970 to 3084.
    """
    time = "".join(_ALPHABET[now_ms >> 5 * place & 31] for place in reversed(range(_TIME_DIGITS)))
    return "t" + time + "".join(_ALPHABET[byte & 31] for byte in entropy[:2])
