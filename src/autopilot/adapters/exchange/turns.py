"""Calls that share an exchange's limit, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from autopilot.domain.errors import MarketUnavailable


class Turns:
    """At most ``count`` calls are under way. A call that waits fails as soon as one before it gets no answer: in an
    outage nobody waits longer than that."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)
        self._failures = 0
        self._last: MarketUnavailable | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """Raises MarketUnavailable."""
        failures = self._failures
        async with self._free:
            if self._last and self._failures > failures:
                last = self._last
                raise MarketUnavailable(f"not asked: {last}", hint=last.hint, retry_after_s=last.retry_after_s)
            try:
                yield
            except MarketUnavailable as error:
                self._failures, self._last = self._failures + 1, error
                raise
