"""The started symbols in SQLite."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.adapters.store.database import Store, urgent
from autopilot.adapters.store.rows import insert, to_row
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class AutopilotEntry:
    """A symbol that was started. ``running`` is False after it was stopped; ``suspended``: it was stopped together with
    the daemon, and ran until then."""

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
    suspended: bool = False

    @property
    def ran_last(self) -> bool:
        """Whether it ran when the last daemon ended."""
        return self.running or self.suspended


class SqliteAutopilots(Store):
    """Which symbols run, so that the next daemon takes them up. Methods raise StoreError."""

    @urgent
    def save_autopilot(self, *entries: AutopilotEntry) -> None:
        """Insert or update, by symbol. What was suspended before and is not among them stays stopped."""
        if entries:
            with self._database.transaction(durable=True) as connection:
                connection.execute("UPDATE autopilots SET suspended = 0")
                for entry in entries:
                    connection.execute(insert("autopilots", AutopilotEntry, or_update="symbol"), to_row(entry))

    @urgent
    def save_stopped(self, symbol: str) -> None:
        with self._database.transaction(durable=True) as connection:
            connection.execute("UPDATE autopilots SET running = 0, suspended = 0 WHERE symbol = ?", (symbol,))

    @urgent
    def suspend(self) -> None:
        """Every running symbol stops together with the daemon. If none runs, those suspended before stay so."""
        with self._database.transaction(durable=True) as connection:
            connection.execute("UPDATE autopilots SET running = 0, suspended = 1 WHERE running = 1")

    def load_autopilots(self) -> tuple[AutopilotEntry, ...]:
        """All entries, in the order they were started."""
        return self._all(AutopilotEntry, "SELECT * FROM autopilots ORDER BY started_at_ms, symbol")
