"""No sentiment at all."""

from __future__ import annotations

from autopilot.domain.sentiment import SentimentSeries


class NeutralSentiment:
    """A SentimentSource for markets that have none, and for users who want none."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - the port's
        return SentimentSeries.neutral()
