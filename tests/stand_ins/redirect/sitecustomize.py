"""On PYTHONPATH: sends every request that the installed program makes through ccxt to the stand-in that the environment
names, and leaves out the pauses that a real exchange asks for."""

from __future__ import annotations

import os
from typing import Any

_URL = os.environ.get("AUTOPILOT_TEST_EXCHANGE")
if _URL:
    from autopilot.adapters.exchange import ccxt_setup

    _open = ccxt_setup.open_exchange

    async def _redirected(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
        return await _open(name, timeout_s, base_url or _URL, **{**more, "enableRateLimit": False})

    ccxt_setup.open_exchange = _redirected
