"""Memory that the start leaves, and that the C library keeps after it was freed."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

GIVE_BACK_EVERY_S = 10.0
SETTLED_S = 1.0
"""After the daemon is ready."""


def settle_memory() -> None:
    """Collect the garbage of the imports, and look no more at what is left: the libraries stay."""
    gc.collect()
    gc.freeze()


async def give_back_memory() -> None:
    """Return it to the system: the first cycles and each list of markets leave megabytes that would stay for good.
    Takes about a millisecond. Does nothing where the C library is not glibc."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
