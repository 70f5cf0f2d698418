"""A clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.ports.clock import Clock


@dataclass
class FakeClock(Clock):
    at_ms: int = 1_900_000_000_000

    def now_ms(self) -> int:
        return self.at_ms
