"""Pauses between requests to an exchange that fails."""

from __future__ import annotations

from autopilot.ports.clock import Clock

LOCKOUT_S = 60.0
"""After a lockout or a rejected key there is one request per minute: more requests would prolong the lockout."""
LONGEST_S = 60.0


class Backoff:
    """An exchange that does not answer is asked again at once, then after 1, 2, 4 … seconds, at most a minute. ``why``:
    the reason of the current pause, in words; ``steady``: a clock that nobody sets."""

    def __init__(self, steady: Clock) -> None:
        self._steady = steady
        self._until_ms = 0
        self._failures = 0
        self.why = ""

    @property
    def left_s(self) -> float:
        """Seconds until the next request; 0 if it may be sent now."""
        return max(self._until_ms - self._steady.now_ms(), 0) / 1000

    def answered(self) -> None:
        self._failures = self._until_ms = 0

    def failed(self, why: str) -> None:
        self._failures += 1
        # The exponent is bounded: an outage may last for days.
        self._pause(why, 0.0 if self._failures == 1 else min(2.0 ** min(self._failures - 2, 10), LONGEST_S))

    def demanded(self, why: str, pause_s: float | None) -> None:
        """The exchange wants no request for ``pause_s``. None if it does not say for how long: then for 1, 2, 4 …
        seconds, at most a minute. Never ends a longer pause."""
        self._failures += 1
        pause_s = min(2.0 ** min(self._failures - 1, 10), LONGEST_S) if pause_s is None else pause_s
        if pause_s > self.left_s:
            self._pause(why, pause_s)

    def locked_out(self, why: str) -> None:
        self._failures = 0
        self._pause(why, LOCKOUT_S)

    def _pause(self, why: str, pause_s: float) -> None:
        self.why, self._until_ms = why, self._steady.now_ms() + int(pause_s * 1000)
