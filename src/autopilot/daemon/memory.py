"""Memory that the C library keeps after it was freed."""

from __future__ import annotations

import ctypes
from contextlib import suppress

GIVE_BACK_EVERY_S = 60.0


async def give_back_memory() -> None:
    """Return it to the system: the first cycles and each list of markets leave megabytes that would stay for good.
    Takes about a millisecond. Does nothing where the C library is not glibc."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
