"""The time of the engine."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Market time: the wall clock for a real market, the market's own for a stored or simulated one."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def likely_ms(self) -> int:
        """The best estimate of the time, for schedules: `now_ms` may be the least that is certain."""
        return self.now_ms()
