"""What was asked to run, kept so that a restart takes it up again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class AutopilotEntry:
    """One symbol that was started. ``running`` is False once it was stopped."""

    symbol: str
    exchange: str
    market: MarketKind
    account: str
    timeframe: Timeframe
    interval_s: float
    paper_trading: bool
    auto_execute: bool
    running: bool
    started_at_ms: int


class AutopilotStore(Protocol):
    """Raises StoreError."""

    def save_autopilot(self, entry: AutopilotEntry) -> None:
        """Insert or update, by symbol."""
        ...

    def load_autopilots(self) -> tuple[AutopilotEntry, ...]:
        """In the order they were started."""
        ...
