"""The sources and the store of sentiment."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.sentiment import SentimentSeries


class SentimentSource(Protocol):
    """Never raises and never waits for a network: after an error the answer is the values known so far, or neutral."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:
        """The values that can decide from a moment in [since_ms, now_ms] on."""


class SentimentStore(Protocol):
    """The sentiment stored on this machine. Methods raise StoreError."""

    def save_sentiment(self, series: SentimentSeries) -> None:
        """Saving a value again replaces it, but for one that is known to have been seen: decisions rest on it."""

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        """The values that can decide from a moment in [since_ms, until_ms] on; empty without any."""
