"""The clock of an exchange."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from autopilot.domain.errors import ExchangeError
from autopilot.domain.timeframe import MINUTE_MS
from autopilot.ports.clock import Clock

LIFE_MS = 10 * MINUTE_MS


class ExchangeClock:
    """``offset_ms``: by how much it is ahead of ours, to half the time that the answer took. It is read again after ten
    minutes, or after `invalidate`: either clock may be set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._is_invalid = False
        self._at_ms: int | None = None
        self.offset_ms = 0

    def invalidate(self) -> None:
        """The exchange rejected a request, perhaps for a wrong time: read its clock before the next one."""
        self._is_invalid = True

    async def ensure(self, read: Callable[[], Awaitable[int]]) -> None:
        """Call ``read``, which returns the exchange's time in ms, if the offset is too old. Raises ExchangeError if it
        fails and there is no older offset to use."""
        sent_ms = self._clock.now_ms()
        if self._at_ms is not None and not self._is_invalid and abs(sent_ms - self._at_ms) < LIFE_MS:
            return
        try:
            exchange_ms = int(await read())
        except ExchangeError:
            if self._at_ms is None:
                raise
        else:
            self.offset_ms = exchange_ms - (sent_ms + self._clock.now_ms()) // 2
        self._at_ms, self._is_invalid = sent_ms, False
