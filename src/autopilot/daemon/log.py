"""The daemon logs to standard error; in the background that is the log file."""

from __future__ import annotations

import ctypes
import logging
import resource
import sys
import time
from contextlib import suppress

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


def configure_logging(level: int = logging.INFO) -> None:
    """Log to standard error with UTC times. Replaces any earlier configuration."""
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At DEBUG ccxt writes request headers, and with them API keys.
    logging.getLogger("ccxt").setLevel(max(level, logging.INFO))
    logging.getLogger("asyncio").setLevel(logging.WARNING)


_PR_SET_DUMPABLE = 4
"""prctl(2)."""


def keep_memory_private() -> None:
    """No core dumps and, on Linux, no attaching by others than root. Skips whatever the system does not offer."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
