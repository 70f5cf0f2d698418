"""The count of trainings in SQLite."""

from __future__ import annotations

from autopilot.adapters.store.database import Store
from autopilot.domain.market import CandleKind

_COUNT = "SELECT trials FROM training_trials WHERE kind = ?"


class SqliteTrials(Store):
    """How many trainings on candles of a kind were ever begun, resets included: the deflated Sharpe ratio pays for
    them. Those of all timeframes count together, because they search the same market. Methods raise StoreError."""

    def count(self, kind: CandleKind) -> int:
        row = self._database.row(_COUNT, (kind.value,))
        return 0 if row is None else int(row[0])

    def add(self, kind: CandleKind) -> int:
        """Count one more; returns how many there are now."""
        with self._database.transaction(durable=True) as connection:
            connection.execute(
                "INSERT INTO training_trials VALUES (?, 1) ON CONFLICT (kind) DO UPDATE SET trials = trials + 1",
                (kind.value,),
            )
            return int(connection.execute(_COUNT, (kind.value,)).fetchone()[0])
