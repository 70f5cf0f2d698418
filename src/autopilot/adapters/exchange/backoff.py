"""Pauses between requests to an exchange that fails."""

from __future__ import annotations

from autopilot.ports.clock import Clock

LOCKOUT_S = 60.0
"""After a lockout or a rejected key there is one request per minute: more requests would prolong the lockout."""
LONGEST_S = 60.0


class Backoff:
    """An exchange that does not answer is asked again at once, then after 1, 2, 4 … seconds, at most a minute. ``why``:
    the reason of the current pause, in words."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms = 0
        self._pause_s = 0.0
        self._failures = 0
        self.why = ""

    @property
    def left_s(self) -> float:
        """Seconds until the next request; 0 if it may be sent now."""
        gone_s = (self._clock.now_ms() - self._since_ms) / 1000
        # After the clock was set back the rest of the pause is unknown: ask the exchange.
        return max(self._pause_s - gone_s, 0.0) if gone_s >= 0 else 0.0

    def answered(self) -> None:
        self._failures = 0
        self._pause_s = 0.0

    def failed(self, why: str) -> None:
        self._failures += 1
        # The exponent is bounded: an outage may last for days.
        self._pause(why, 0.0 if self._failures == 1 else min(2.0 ** min(self._failures - 2, 10), LONGEST_S))

    def locked_out(self, why: str) -> None:
        self._failures = 0
        self._pause(why, LOCKOUT_S)

    def _pause(self, why: str, pause_s: float) -> None:
        self.why, self._since_ms, self._pause_s = why, self._clock.now_ms(), pause_s
