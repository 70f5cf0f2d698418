"""What time it is at an exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from autopilot.domain.errors import ExchangeError
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.ports.clock import Clock

LIFE_MS = 10 * MINUTE_MS


class ExchangeClock:
    """Kept as its offset from ours, to half the time that its answer took. It is asked for again after ten minutes, or
    when it is doubted: either clock may be set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_doubted = False
        self._at_ms: int | None = None
        self.offset_ms = 0

    def doubt(self) -> None:
        """Something was refused for what may be the wrong time."""
        self._is_doubted = True

    async def ensure(self, ask: Callable[[], Awaitable[int]]) -> None:
        """``ask`` gives their time. Raises ExchangeError while it was never told; the one of before is better than
        that."""
        asked_ms = self._clock.now_ms()
        if self._at_ms is not None and not self._is_doubted and abs(asked_ms - self._at_ms) < LIFE_MS:
            return
        try:
            theirs_ms = int(await ask())
        except ExchangeError:
            if self._at_ms is None:
                raise
        else:
            self.offset_ms = theirs_ms - (asked_ms + self._clock.now_ms()) // 2
        self._at_ms, self._is_doubted = asked_ms, False
