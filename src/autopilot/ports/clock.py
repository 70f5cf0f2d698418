"""The time of the engine."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Market time: the wall clock for a real market, the market's own for a stored or simulated one."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
