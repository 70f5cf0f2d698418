"""Performance samples in SQLite."""

from __future__ import annotations

import json
from collections.abc import Sequence

from autopilot.adapters.store.database import Store
from autopilot.adapters.store.rows import from_json
from autopilot.domain.conditions import Regime
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.ledger import SampleStore


class SqliteSamples(Store, SampleStore):
    """Returns are stored exactly, to the last bit."""

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        with self._database.transaction(durable=False) as connection:
            connection.executemany(
                "INSERT INTO performance_samples (exchange, symbol, timeframe, candle_at_ms, matured_at_ms, regime,"
                " returns) VALUES (?,?,?,?,?,?,?) ON CONFLICT DO NOTHING",
                [
                    (
                        sample.exchange,
                        sample.symbol,
                        sample.timeframe.value,
                        sample.candle_at_ms,
                        sample.matured_at_ms,
                        sample.regime.value,
                        json.dumps(dict(sample.returns), separators=(",", ":")),
                    )
                    for sample in samples
                ],
            )

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        rows = self._database.rows(
            "SELECT exchange, symbol, timeframe, candle_at_ms, matured_at_ms, regime, returns FROM performance_samples"
            " WHERE exchange = ? AND timeframe = ? AND candle_at_ms >= ? ORDER BY candle_at_ms, symbol",
            (exchange, timeframe.value, since_ms),
        )
        return tuple(
            PerformanceSample(
                exchange=row[0],
                symbol=row[1],
                timeframe=Timeframe(row[2]),
                candle_at_ms=row[3],
                matured_at_ms=row[4],
                regime=Regime(row[5]),
                returns=from_json(row[6]),
            )
            for row in rows
        )
