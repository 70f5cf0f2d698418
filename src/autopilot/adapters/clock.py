"""Clocks: the machine's two, and that of an offline market. Dates and moments as users write them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from autopilot.domain.errors import ConfigError
from autopilot.ports.clock import Clock

_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
_YEAR_OR_MONTH = re.compile(r"[0-9]{4}(-[0-9]{2})?")


class WallClock(Clock):
    """The machine's time, which anybody may set at any moment."""

    def now_ms(self) -> int:
        return int(time.time() * 1000)


class SteadyClock(Clock):
    """Milliseconds since some moment before the machine's start. Nobody can set it; on Linux it also counts the time
    that the machine was suspended."""

    def now_ms(self) -> int:
        return time.clock_gettime_ns(_STEADY) // 1_000_000


class MarketClock(Clock):
    """The time of an offline market: ``read_ms`` returns it; ``skew_ms`` is added as an injected fault."""

    def __init__(self, read_ms: Callable[[], int], skew_ms: int = 0) -> None:
        self._read_ms = read_ms
        self._skew_ms = skew_ms

    def now_ms(self) -> int:
        return self._read_ms() + self._skew_ms


def moment_ms(text: str) -> int:
    """A date or a moment in ISO form, UTC without a zone, in milliseconds; a year or a month is its first day. Raises
    ConfigError."""
    rest = "-01-01"[3 * text.count("-") :] if _YEAR_OR_MONTH.fullmatch(text) else ""
    try:
        moment = datetime.fromisoformat(text + rest)
    except ValueError:
        raise ConfigError(
            f"{text!r} is not a date or a time", hint='write it as "2024-01-31" or "2024-01-31T12:00:00Z", in UTC'
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
