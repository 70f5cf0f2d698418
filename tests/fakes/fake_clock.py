"""Clocks that stand still until a test moves them."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.ports.clock import Clock


@dataclass
class FakeClock(Clock):
    at_ms: int = 1_900_000_000_000

    def now_ms(self) -> int:
        return self.at_ms


def exchange_clock(name: str, clock: FakeClock) -> ExchangeClock:
    """That of an exchange, on a machine whose clock is never set."""
    return ExchangeClock(name, wall=clock, steady=clock)
