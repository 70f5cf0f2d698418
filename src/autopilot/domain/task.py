"""Work in the background that outlives the command which asked for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.document_types import Document

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: in the order of ASCII, without the letters that look like digits."""
_TIME_DIGITS = 9


class TaskState(StrEnum):
    """Pending, then running, then one of three ends."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def is_final(self) -> bool:
        """A task in such a state never changes again."""
        return self not in (TaskState.PENDING, TaskState.RUNNING)


@dataclass(frozen=True, slots=True)
class Task:
    """One piece of work. ``kind``: what is done, such as ``retrain``; ``request``: what was asked for.

    ``pid``: the process that does it. ``done`` of ``total`` steps of the present ``stage``, ``detail`` saying which.
    ``result`` once it succeeded; ``error`` once it failed: ``{"type", "message", "hint", "traceback"}``, all text.
    """

    id: str
    kind: str
    state: TaskState
    created_at_ms: int
    started_at_ms: int | None
    ended_at_ms: int | None
    pid: int | None
    request: Document
    stage: str
    done: int
    total: int
    detail: str
    result: Document | None
    error: Document | None


def task_id(now_ms: int, entropy: bytes) -> str:
    """``t`` and eleven characters: later ones sort after earlier ones; two random bytes part those of one millisecond.

    Good from 1970 to the year 3084.
    """
    time = "".join(_ALPHABET[now_ms >> 5 * place & 31] for place in reversed(range(_TIME_DIGITS)))
    return "t" + time + "".join(_ALPHABET[byte & 31] for byte in entropy[:2])
