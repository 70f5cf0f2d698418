"""What a process does before it holds secrets: nothing of its memory goes to a file, and no other process of the same
user looks into it."""

from __future__ import annotations

import ctypes
import resource
from contextlib import suppress

_PR_SET_DUMPABLE = 4
"""prctl(2)."""


def keep_memory_private() -> None:
    """No core dumps and, on Linux, no attaching by others than root. What the system does not offer is left out."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
