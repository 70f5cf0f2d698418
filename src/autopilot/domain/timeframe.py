"""Timeframes and the arithmetic of candle times. All times are UTC, integer milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from autopilot.domain.errors import UnknownTimeframe
from autopilot.domain.suggestion import did_you_mean

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS


class Timeframe(StrEnum):
    """The length of a candle, spelled as exchanges spell it."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def ms(self) -> int:
        """Length in milliseconds."""
        return _LENGTH_MS[self]

    @property
    def per_day(self) -> int:
        """Candles in 24 hours."""
        return DAY_MS // self.ms

    def floor(self, at_ms: int) -> int:
        """Open time of the candle that contains ``at_ms``."""
        return at_ms - at_ms % self.ms

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """The timeframe with this name. Raises UnknownTimeframe that lists the allowed names."""
        try:
            return cls(text)
        except ValueError:
            hint = f"{did_you_mean(text, cls)} use one of {', '.join(cls)}".strip()
            raise UnknownTimeframe(f"unknown timeframe {text!r}", hint=hint) from None


_LENGTH_MS = {
    Timeframe.M1: MINUTE_MS,
    Timeframe.M5: 5 * MINUTE_MS,
    Timeframe.M15: 15 * MINUTE_MS,
    Timeframe.M30: 30 * MINUTE_MS,
    Timeframe.H1: HOUR_MS,
    Timeframe.H4: 4 * HOUR_MS,
    Timeframe.D1: DAY_MS,
}


def iso_utc(at_ms: int) -> str:
    """``1700000000000`` → ``2023-11-14T22:13:20Z``."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def utc_text(at_ms: int) -> str:
    """The time in a message: ``1700000040000`` → ``2023-11-14 22:14Z``; seconds are shown only where there are any."""
    seconds = "" if at_ms % MINUTE_MS < 1000 else ":%S"
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime(f"%Y-%m-%d %H:%M{seconds}Z")


def day_of(at_ms: int) -> int:
    """Number of the UTC day since the epoch."""
    return at_ms // DAY_MS
