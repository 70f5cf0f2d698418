"""The state of an autopilot, for status."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.decision import Decision
from autopilot.domain.errors import AutopilotError


class RunState(StrEnum):
    STARTING = "starting"
    """No cycle has ended yet."""
    RUNNING = "running"
    RETRYING = "retrying"
    """The last cycle failed; the next one tries again."""
    FINISHED = "finished"
    """A stored market has come to its end."""
    STOPPED = "stopped"


@dataclass(slots=True)
class RunRecord:
    """Int8Array and moments of one autopilot's life in this process; times in wall-clock milliseconds."""

    state: RunState = RunState.STARTING
    message: str = ""
    hint: str = ""
    cycles: int = 0
    decisions: int = 0
    errors: int = 0
    last_cycle_at_ms: int | None = None
    last_error: str | None = None
    last_error_at_ms: int | None = None
    differences: tuple[str, ...] = ()
    """Between our books and the exchange's, when they were last compared."""
    failure: AutopilotError | None = None
    last_decision: Decision | None = None
