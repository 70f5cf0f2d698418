"""Where sentiment comes from."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.sentiment import SentimentSeries


class SentimentSource(Protocol):
    """Never raises and never takes long: whatever goes wrong, the answer is what is known, or neutral."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:
        """Values known in [since_ms, now_ms]."""
        ...


class SentimentStore(Protocol):
    """Sentiment kept on this machine. Idempotent; raises StoreError."""

    def save_sentiment(self, series: SentimentSeries) -> None: ...

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        """Values known in [since_ms, until_ms]; empty when there are none."""
        ...
