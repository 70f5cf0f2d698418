"""On PYTHONPATH: sends every request that the installed program makes through ccxt to the stand-in that the environment
names, and leaves out the pauses that a real exchange asks for, unless AUTOPILOT_TEST_LIMITS is set. The environment may
also name a file with the clocks of the machine, which a test sets."""

from __future__ import annotations

import mmap
import os
import struct
import time
from pathlib import Path
from typing import Any

_URL = os.environ.get("AUTOPILOT_TEST_EXCHANGE")
_CLOCKS = os.environ.get("AUTOPILOT_TEST_CLOCKS")

if _CLOCKS:
    with Path(_CLOCKS).open("r+b") as _file:
        _ahead = mmap.mmap(_file.fileno(), 16)

    def _shift(name: str, which: int, second: float) -> None:
        """Set a clock ahead by the seconds in the file: ``which`` is 0 for the wall clock and 1 for the steady ones."""
        read = getattr(time, name)

        def reading(*given: Any) -> Any:
            found = read(*given)
            (ahead_s,) = struct.unpack_from("d", _ahead, 0 if given == (time.CLOCK_REALTIME,) else 8 * which)
            return type(found)(found + ahead_s * second)

        setattr(time, name, reading)

    for _name, _which in (("time", 0), ("monotonic", 1), ("clock_gettime", 1)):
        _shift(_name, _which, 1)
        _shift(f"{_name}_ns", _which, 10**9)

if _URL:
    from autopilot.adapters.exchange import ccxt_setup

    _open = ccxt_setup.open_exchange

    async def _redirected(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
        limits = {} if os.environ.get("AUTOPILOT_TEST_LIMITS") else {"enableRateLimit": False}
        return await _open(name, timeout_s, base_url or _URL, **{**more, **limits})

    ccxt_setup.open_exchange = _redirected
