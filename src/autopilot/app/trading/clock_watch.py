"""Watches whether this machine's clock is right."""

from __future__ import annotations

import logging
from dataclasses import asdict

from autopilot.adapters.exchange.exchange_clock import ExchangeClocks
from autopilot.domain.clock_error import ClockError
from autopilot.ports.observer import EventSink

WATCH_EVERY_S = 15.0
LEAST_ERROR_MS = 2_000
"""Less is not reported: a clock that is kept by NTP is right to some milliseconds, and one that nobody keeps is soon
further off."""

log = logging.getLogger(__name__)


class ClockWatch:
    """Compares the wall clock with the clocks of the exchanges in use, and publishes each change."""

    def __init__(self, clocks: ExchangeClocks, events: EventSink) -> None:
        self._clocks = clocks
        self._events = events
        self._since_ms: dict[str, int] = {}

    async def review(self) -> None:
        """Compare them, as `errors` does."""
        self.errors()

    def errors(self) -> tuple[ClockError, ...]:
        """The exchanges by whose clock the wall clock is wrong now."""
        found = []
        for clock in self._clocks:
            behind_ms = clock.error_ms
            is_wrong, was_wrong = abs(behind_ms) >= LEAST_ERROR_MS, clock.name in self._since_ms
            if is_wrong:
                found.append(ClockError(clock.name, behind_ms, self._since_ms.setdefault(clock.name, clock.now_ms())))
            if is_wrong and not was_wrong:
                log.warning("this machine's clock is wrong: %s", found[-1].words)
                self._events.publish("clock", {**asdict(found[-1]), "wrong": True})
            elif was_wrong and not is_wrong:
                log.info("this machine's clock is right again, by the clock of %s", clock.name)
                since_ms = self._since_ms.pop(clock.name)
                self._events.publish("clock", {**asdict(ClockError(clock.name, behind_ms, since_ms)), "wrong": False})
        return tuple(found)
