"""The rate of requests to an exchange."""

from __future__ import annotations

import asyncio
from asyncio import sleep


class RateLimiter:
    """A leaky bucket in place of ccxt's own throttler. ccxt's depends on the wall clock, so that all requests wait an
    hour after the clock was set back an hour, and it keeps canceled requests in its queue.

    Awaited before each request with its cost; a request without cost does not wait. ``burst``: the cost of the requests
    that may be sent at once after a rest. At first it is half of it, because the exchange may still count requests from
    before a restart.
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
