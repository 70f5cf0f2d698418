"""Performance samples in SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns, compact, list_id
from autopilot.adapters.store.database import Store, store_errors
from autopilot.domain.conditions import Regime
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.ledger import SampleStore


class SqliteSamples(Store, SampleStore):
    """Returns are stored exactly, to the last bit."""

    def save_samples(self, samples: Sequence[PerformanceSample]) -> None:
        with self._database.transaction(durable=False) as connection:
            kinds = dict.fromkeys(tuple(sample.returns) for sample in samples)
            lists = {names: list_id(connection, names) for names in kinds}
            connection.executemany(
                "INSERT INTO performance_samples (exchange, symbol, timeframe, candle_at_ms, matured_at_ms, regime,"
                " plain_returns, returns, strategies) VALUES (?,?,?,?,?,?,'',?,?) ON CONFLICT DO NOTHING",
                [
                    (
                        sample.exchange,
                        sample.symbol,
                        sample.timeframe.value,
                        sample.candle_at_ms,
                        sample.matured_at_ms,
                        sample.regime.value,
                        compact(tuple(sample.returns.values())),
                        lists[tuple(sample.returns)],
                    )
                    for sample in samples
                ],
            )

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        rows = self._database.rows(
            f"SELECT exchange, symbol, timeframe, candle_at_ms, matured_at_ms, regime, {RETURNS}"
            " FROM performance_samples AS s WHERE exchange = ? AND timeframe = ? AND candle_at_ms >= ?"
            " ORDER BY candle_at_ms, symbol",
            (exchange, timeframe.value, since_ms),
        )
        stored = StoredReturns(self._database.connection)
        with store_errors(self._database.path):
            return tuple(
                PerformanceSample(
                    exchange=row[0],
                    symbol=row[1],
                    timeframe=Timeframe(row[2]),
                    candle_at_ms=row[3],
                    matured_at_ms=row[4],
                    regime=Regime(row[5]),
                    returns=stored.of(row[6], row[7]),
                )
                for row in rows
            )
