"""The started symbols in SQLite."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.adapters.store.database import Store
from autopilot.adapters.store.rows import insert, to_row
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class AutopilotEntry:
    """A symbol that was started. ``running`` is False after it was stopped."""

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


class SqliteAutopilots(Store):
    """Which symbols run, so that a restart resumes them. Methods raise StoreError."""

    def save_autopilot(self, entry: AutopilotEntry) -> None:
        """Insert or update, by symbol."""
        with self._database.transaction(durable=True) as connection:
            connection.execute(insert("autopilots", AutopilotEntry, or_update="symbol"), to_row(entry))

    def load_autopilots(self) -> tuple[AutopilotEntry, ...]:
        """All entries, in the order they were started."""
        return self._all(AutopilotEntry, "SELECT * FROM autopilots ORDER BY started_at_ms, symbol")
