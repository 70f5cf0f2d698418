"""Where sentiment comes from."""

from __future__ import annotations

from typing import Protocol

from autopilot.domain.sentiment import SentimentSeries


class SentimentSource(Protocol):
    """Never raises and never takes long: whatever goes wrong, the answer is what is known, or neutral."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:
        """Values known in [since_ms, now_ms]."""
        ...
