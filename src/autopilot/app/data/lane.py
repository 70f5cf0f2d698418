"""The requests of one way: as many at the same time as keep its limit busy, and pauses when the exchange fails."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from autopilot.adapters.exchange.backoff import Backoff
from autopilot.domain.errors import MarketUnavailable
from autopilot.ports.clock import Clock
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay

LATENCY_S = 2.0
"""Even if an answer takes this long, the limit is used up."""
MOST_UNDER_WAY = 64
TRIES = 5
"""The attempts for one chunk while others are answered."""
PAUSES = 20
"""The most that the exchange may demand before it answers about one chunk."""
LONGEST_PAUSE_S = 900.0
"""A longer one that the exchange demands ends the download."""
FIRST_FAILURES, LATER_FAILURES = 3, 8
"""Failures one after the other, without an answer to any request, that end a download: before the first answer, and
after it. The second takes about two minutes."""


class Lane:
    """``steady``: a clock that nobody sets."""

    def __init__(
        self, way: HistoryWay, steady: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self.way = way
        self.width = max(2, min(MOST_UNDER_WAY, math.ceil(way.requests_per_s * LATENCY_S) + 1))
        self.requests = 0
        self._slots = asyncio.Semaphore(self.width)
        self._steady = steady
        self._sleep = sleep
        self._backoff = Backoff(steady)
        self._failures = 0
        self._failed_at_ms = 0
        self._allowed = FIRST_FAILURES
        self._lost: MarketUnavailable | None = None

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        """Raises ExchangeError; at once if the exchange was given up."""
        async with self._slots:
            failed = paused = 0
            while True:
                while self._backoff.left_s and not self._lost:
                    await self._sleep(self._backoff.left_s)
                if self._lost:
                    raise self._lost
                sent_at_ms = self._steady.now_ms()
                self.requests += chunk.requests
                try:
                    answer = await self.way.fetch(chunk)
                except MarketUnavailable as error:
                    self._failed(error, sent_at_ms)
                    failed, paused = failed + (error.retry_after_s is None), paused + 1
                    if self._lost or failed == TRIES or paused == PAUSES:
                        raise
                else:
                    self._backoff.answered()
                    self._failures, self._allowed = 0, LATER_FAILURES
                    return answer

    def _failed(self, error: MarketUnavailable, sent_at_ms: int) -> None:
        """Requests that were under way when another failed are no further failures, and demanded pauses are none."""
        if error.retry_after_s is not None:
            self._backoff.demanded(str(error), error.retry_after_s)
            if error.retry_after_s > LONGEST_PAUSE_S:
                self._lost = error
            return
        if sent_at_ms < self._failed_at_ms:
            return
        self._failures += 1
        self._failed_at_ms = self._steady.now_ms()
        self._backoff.failed(str(error))
        if self._failures >= self._allowed:
            self._lost = error
