"""A daemon started in the background reports to the command that waits for it: one line on an inherited pipe."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from autopilot.domain.errors import AutopilotError

READY_FD = "AUTOPILOT_READY_FD"
"""Environment variable: number of the pipe's descriptor."""


class Readiness:
    """Reports once, then closes the pipe. In the foreground no command waits, and there is no report."""

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

    def ready(self) -> None:
        self._say({"ready": True})

    def failed(self, error: AutopilotError) -> None:
        self._say({"ready": False, "error": error.document()})

    def _say(self, document: dict[str, object]) -> None:
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        # The command may have been interrupted; the daemon runs on.
        with suppress(BrokenPipeError):
            os.write(descriptor, json.dumps(document).encode() + b"\n")
        os.close(descriptor)
