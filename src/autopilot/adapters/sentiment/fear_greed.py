"""The Crypto Fear & Greed index of alternative.me: one number a day for the whole market, 0 fear, 100 greed.

Source: https://alternative.me/crypto/fear-and-greed-index/ (its own JSON interface, no key). The value of a day is
published at the day's start, 00:00 UTC, and known from then on.
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
from autopilot.domain.sentiment import FEAR_GREED, SentimentSeries
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS
from autopilot.ports.clock import Clock
from autopilot.ports.sentiment import SentimentSource, SentimentStore

URL = "https://api.alternative.me/fng/?limit=0&format=json"
TIMEOUT_S = 5.0
REFRESH_MS = 4 * HOUR_MS
FIRST_RETRY_MS = 5 * MINUTE_MS
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
        self._kept = SentimentSeries.neutral(FEAR_GREED)
        self._next_refresh_ms = 0
        self._failures = 0
        self._refreshing: asyncio.Task[None] | None = None
        self._closed = False

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one for all
        if self._known is None:
            self._known = self._kept = self._load()
        if self._is_due():
            self._refreshing = asyncio.create_task(self._refresh(), name="fear and greed index")
        return self._known.between(since_ms, now_ms)

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

        try:
            fresh = read_index(await self._download())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            self._failures += 1
            self._next_refresh_ms = self._clock.now_ms() + min(FIRST_RETRY_MS << (self._failures - 1), REFRESH_MS)
            say = log.warning if self._failures == 1 else log.debug
            say("the fear and greed index cannot be downloaded: %s", str(error)[:200] or type(error).__name__)
            return
        self._failures = 0
        self._next_refresh_ms = self._clock.now_ms() + REFRESH_MS
        self._known = _merged(self._known or SentimentSeries.neutral(FEAR_GREED), fresh)
        self._keep(self._known)

    def _keep(self, known: SentimentSeries) -> None:
        """Store the new days only: to write thousands of old ones again would hold up the event loop."""
        kept = dict(zip(self._kept.known_at_ms.tolist(), self._kept.value.tolist(), strict=True))
        new = [kept.get(at_ms) != value for at_ms, value in zip(known.known_at_ms.tolist(), known.value, strict=True)]
        if not any(new):
            return
        try:
            self._store.save_sentiment(SentimentSeries(FEAR_GREED, known.known_at_ms[new], known.value[new]))
        except StoreError as error:
            log.warning("the fear and greed index is not stored: %s", error)
        else:
            self._kept = known

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


def _merged(known: SentimentSeries, fresh: SentimentSeries) -> SentimentSeries:
    """All days of both; of a day in both, the fresh value."""
    at_ms = np.concatenate([fresh.known_at_ms, known.known_at_ms])
    value = np.concatenate([fresh.value, known.value])
    days, first = np.unique(at_ms, return_index=True)
    return SentimentSeries(FEAR_GREED, days, value[first])
