"""A daemon started in the background reports to the command that waits for it, in lines on an inherited pipe: at last
one that it is ready or has failed, before it any number that say what takes so long."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from autopilot.domain.errors import AutopilotError

READY_FD = "AUTOPILOT_READY_FD"
"""Environment variable: number of the pipe's descriptor."""


class Readiness:
    """Closes the pipe after the last report. In the foreground no command waits, and there is no report."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    @classmethod
    def inherited(cls) -> Readiness:
        """From the environment, and removed from it: the pipe is not for this process's own children."""
        with suppress(ValueError, OSError):
            descriptor = int(os.environ.pop(READY_FD, ""))
            os.set_inheritable(descriptor, False)
            return cls(descriptor)
        return cls(None)

    @contextmanager
    def passing_on(self, log: logging.Logger) -> Iterator[None]:
        """What is logged there in the block is reported."""
        handler = _Reports(self)
        log.addHandler(handler)
        try:
            yield
        finally:
            log.removeHandler(handler)

    def busy(self, text: str) -> None:
        self._say({"ready": None, "busy": text})

    def ready(self) -> None:
        self._say({"ready": True})

    def failed(self, error: AutopilotError) -> None:
        self._say({"ready": False, "error": error.document()})

    def _say(self, document: dict[str, object]) -> None:
        if self._descriptor is None:
            return
        # The command may have been interrupted; the daemon runs on.
        with suppress(BrokenPipeError):
            os.write(self._descriptor, json.dumps(document).encode() + b"\n")
        if document["ready"] is not None:
            os.close(self._descriptor)
            self._descriptor = None


class _Reports(logging.Handler):
    def __init__(self, readiness: Readiness) -> None:
        super().__init__()
        self._readiness = readiness

    def emit(self, record: logging.LogRecord) -> None:
        self._readiness.busy(record.getMessage())
