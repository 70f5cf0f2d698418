"""The daemon logs to standard error; in the background that is the log file."""

from __future__ import annotations

import logging
import sys
import time

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s: %(message)s"


def configure_logging(level: int = logging.INFO) -> None:
    """UTC times. Replaces what was configured before."""
    formatter = logging.Formatter(_FORMAT, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # At DEBUG ccxt writes request headers, and with them API keys.
    logging.getLogger("ccxt").setLevel(max(level, logging.INFO))
    logging.getLogger("asyncio").setLevel(logging.WARNING)
