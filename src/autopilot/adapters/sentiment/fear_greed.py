"""The Crypto Fear & Greed index of alternative.me: one number a day for the whole market, 0 fear, 100 greed.

Source: https://alternative.me/crypto/fear-and-greed-index/ (its own JSON interface, no key). The value of a day is
published at the day's start, 00:00 UTC. It decides from the moment on at which this machine has it. No second source
without a key publishes this index, so the calendar alone shows that it is stale: `sentiment.OVERDUE_MS`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
from typing import Any

import numpy as np

from autopilot.adapters.clock import WallClock
from autopilot.domain.errors import StoreError
from autopilot.domain.sentiment import FEAR_GREED, OVERDUE_MS, SentimentSeries, news_of
from autopilot.domain.stale_sentiment import StaleSentiment
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS
from autopilot.ports.clock import Clock
from autopilot.ports.sentiment import SentimentSource, SentimentStore

URL = "https://api.alternative.me/fng/?limit=0&format=json"
TIMEOUT_S = 5.0
REFRESH_MS = 4 * HOUR_MS
PUBLISHED_MS = 2 * MINUTE_MS
"""After midnight the value of the new day is asked for."""
FIRST_RETRY_MS = 5 * MINUTE_MS
LONGEST_WAIT_MS = HOUR_MS
"""Between two looks for a value of today that is late."""
LARGEST_ANSWER = 4 * 1024 * 1024
"""Bytes: twenty years of days are a tenth of it."""

log = logging.getLogger(__name__)


class FearGreed(SentimentSource):
    """Answers with the values known so far, and downloads new ones in the background when ``clock`` says so."""

    def __init__(
        self, store: SentimentStore, *, url: str = URL, timeout_s: float = TIMEOUT_S, clock: Clock | None = None
    ) -> None:
        self._store = store
        self._url = url
        self._timeout_s = timeout_s
        self._clock: Clock = clock or WallClock()
        self._known: SentimentSeries | None = None
        self._unsaved = SentimentSeries.neutral(FEAR_GREED)
        self._next_refresh_ms = 0
        self._failures = 0
        self._late = 0
        self._watched_ms: int | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one for all
        if self._known is None:
            self._known = self._load()
        if self._is_due():
            self._refreshing = asyncio.create_task(self._refresh(), name="fear and greed index")
        return self._known.between(since_ms, now_ms)

    def stale(self) -> StaleSentiment | None:
        """By the calendar: whether the next day's value is overdue. The index must be in use."""
        if self._known is None or (not len(self._known.value) and not self._failures):
            return None
        now_ms = self._clock.now_ms()
        if not len(self._known.value):
            return StaleSentiment(None, self._watched_ms or now_ms, counts=False)
        last_ms = int(self._known.known_at_ms[-1])
        since_ms = last_ms - last_ms % DAY_MS + OVERDUE_MS
        counts = now_ms - last_ms <= self._known.life_ms
        return StaleSentiment(last_ms, since_ms, counts=counts) if now_ms > since_ms else None

    async def close(self) -> None:
        self._closed = True
        if self._refreshing:
            self._refreshing.cancel()
            await asyncio.wait([self._refreshing])

    def _is_due(self) -> bool:
        """Whether to download. After the wall clock was set back, at once: waiting would take as long as the step."""
        if self._closed or (self._refreshing and not self._refreshing.done()):
            return False
        return not 0 < self._next_refresh_ms - self._clock.now_ms() <= REFRESH_MS

    async def _refresh(self) -> None:
        import aiohttp

        if self._watched_ms is None:
            self._watched_ms = self._clock.now_ms()
        try:
            fresh = read_index(await self._download())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._failures += 1
            self._next_refresh_ms = self._clock.now_ms() + min(FIRST_RETRY_MS << (self._failures - 1), REFRESH_MS)
            say = log.warning if self._failures == 1 else log.debug
            say("the fear and greed index cannot be downloaded: %s", str(error)[:200] or type(error).__name__)
            return
        self._failures = 0
        now_ms, known = self._clock.now_ms(), self._known or SentimentSeries.neutral(FEAR_GREED)
        news = news_of(known, fresh, now_ms, self._watched_ms)
        self._watched_ms = 0
        self._known = known.with_news(news)
        self._next_refresh_ms = now_ms + self._pause_ms(now_ms, int(fresh.known_at_ms[-1]))
        self._keep(news)

    def _pause_ms(self, now_ms: int, newest_ms: int) -> int:
        """Until the next day's value is published; shorter while that of today is late."""
        today_ms = now_ms - now_ms % DAY_MS
        self._late = self._late + 1 if newest_ms < today_ms else 0
        if self._late:
            return min(FIRST_RETRY_MS << min(self._late - 1, 8), LONGEST_WAIT_MS)
        return min(REFRESH_MS, today_ms + DAY_MS + PUBLISHED_MS - now_ms)

    def _keep(self, news: SentimentSeries) -> None:
        """Store the news only, and what could not be stored before."""
        self._unsaved = self._unsaved.with_news(news)
        if not len(self._unsaved.value):
            return
        try:
            self._store.save_sentiment(self._unsaved)
        except StoreError as error:
            log.warning("the fear and greed index is not stored: %s", error)
        else:
            self._unsaved = SentimentSeries.neutral(FEAR_GREED)

    async def _download(self) -> bytes:
        import aiohttp

        async with (
            asyncio.timeout(self._timeout_s),
            aiohttp.ClientSession(trust_env=True) as session,
            session.get(self._url) as response,
        ):
            response.raise_for_status()
            answer = await response.content.read(LARGEST_ANSWER)
            while chunk := await response.content.read(LARGEST_ANSWER):
                answer += chunk
                if len(answer) > LARGEST_ANSWER:
                    raise ValueError(f"an answer of more than {LARGEST_ANSWER:,} bytes")
            return answer

    def _load(self) -> SentimentSeries:
        try:
            return self._store.load_sentiment(FEAR_GREED, 0, self._clock.now_ms() + DAY_MS)
        except StoreError as error:
            log.warning("the stored fear and greed index cannot be read: %s", error)
            return SentimentSeries.neutral(FEAR_GREED)


def read_index(answer: bytes) -> SentimentSeries:
    """The index by day, of repeated days the last; unreadable days are left out. Raises ValueError without a readable
    day."""
    try:
        values = dict(sorted(filter(None, map(_read_day, json.loads(answer)["data"]))))
    except (TypeError, KeyError, RecursionError, ValueError):
        raise ValueError(f"this is not the index: {answer[:60]!r}") from None
    if not values:
        raise ValueError("the index has no readable day")
    return SentimentSeries(
        FEAR_GREED, np.array(list(values), dtype=np.int64), np.array(list(values.values()), dtype=float)
    )


def _read_day(day: Any) -> tuple[int, float] | None:
    try:
        at_ms, value = int(day["timestamp"]) * 1000, float(day["value"])
    except (TypeError, KeyError, ValueError, OverflowError):
        return None
    sound = math.isfinite(value) and 0 <= value <= 100 and 0 < at_ms < 2**53
    return (at_ms - at_ms % DAY_MS, value) if sound else None
