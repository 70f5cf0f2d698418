"""Sentiment of the past, as it is kept on this machine."""

from __future__ import annotations

import logging

from autopilot.domain.errors import StoreError
from autopilot.domain.sentiment import SentimentSeries, between
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.sentiment import SentimentSource, SentimentStore

AHEAD_MS = 90 * DAY_MS
"""A replay asks for a window that moves on: so much is read beyond it at once."""
log = logging.getLogger(__name__)


class StoredSentiment(SentimentSource):
    """The sentiment of a replayed market: only values that were known at the moment in question."""

    def __init__(self, store: SentimentStore, name: str = "fear_greed") -> None:
        self._store = store
        self._name = name
        self._held = SentimentSeries.neutral(name)
        self._held_ms: tuple[int, int] | None = None

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one for all
        if self._held_ms is None or not self._held_ms[0] <= since_ms <= now_ms <= self._held_ms[1]:
            self._load(since_ms, now_ms + AHEAD_MS)
        return between(self._held, since_ms, now_ms)

    def _load(self, since_ms: int, until_ms: int) -> None:
        """A store that fails leaves this span neutral: to try again at each cycle would cost more than it brings."""
        try:
            self._held = self._store.load_sentiment(self._name, since_ms, until_ms)
        except StoreError as error:
            log.warning("stored sentiment %s cannot be read, it is taken as neutral: %s", self._name, error)
            self._held = SentimentSeries.neutral(self._name)
        self._held_ms = since_ms, until_ms


class NeutralSentiment(SentimentSource):
    """No opinion: for markets without sentiment, and users who switched it off."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - the port's
        return SentimentSeries.neutral()
