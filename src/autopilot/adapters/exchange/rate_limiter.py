"""How fast an exchange is asked."""

from __future__ import annotations

import asyncio
from asyncio import sleep


class RateLimiter:
    """ccxt's leaky bucket, in place of its own throttler: that one reckons with the wall clock, so that all calls wait
    an hour when it is set back an hour, and keeps what was given up in its queue. Awaited before each request, with
    what that costs. ``burst``: the cost of what may be asked at once after a rest, and half of it at first, since the
    exchange may still count what was asked before a restart. What costs nothing waits for nothing.
    """

    def __init__(self, rate_limit_ms: float, burst: float) -> None:
        self._s_each = rate_limit_ms / 1000
        self._burst = burst
        self._left = burst / 2
        self._at_s: float | None = None

    async def __call__(self, cost: float | None = None) -> None:
        cost = 1 if cost is None else cost
        if not cost:
            return
        wait_s = -self._refilled() * self._s_each
        self._left -= cost
        if wait_s > 0:
            try:
                await sleep(wait_s)
            except asyncio.CancelledError:
                self._left += cost
                raise

    def _refilled(self) -> float:
        now_s = asyncio.get_running_loop().time()
        if self._at_s is not None and self._s_each > 0:
            self._left = min(self._burst, self._left + (now_s - self._at_s) / self._s_each)
        self._at_s = now_s
        return self._left
