"""Performance samples in SQLite."""

from __future__ import annotations

from collections.abc import Sequence

from autopilot.adapters.store.compact_returns import RETURNS, StoredReturns, compact_returns, list_id
from autopilot.adapters.store.database import Store, store_errors
from autopilot.domain.conditions import Regime
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.ledger import SampleStore

# Each symbol is found from the previous one, because the key has many rows of each.
_SYMBOLS = """
    WITH RECURSIVE sampled (symbol) AS (
        SELECT min(symbol) FROM performance_samples WHERE exchange = ?1 AND timeframe = ?2
        UNION ALL
        SELECT (SELECT min(symbol) FROM performance_samples
                WHERE exchange = ?1 AND timeframe = ?2 AND symbol > sampled.symbol)
        FROM sampled WHERE sampled.symbol IS NOT NULL)
    SELECT symbol FROM sampled
"""


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
                        compact_returns(tuple(sample.returns.values())),
                        lists[tuple(sample.returns)],
                    )
                    for sample in samples
                ],
            )

    def load_samples(self, exchange: str, timeframe: Timeframe, since_ms: int) -> tuple[PerformanceSample, ...]:
        given = (exchange, timeframe.value, since_ms)
        return self._found("exchange = ? AND timeframe = ? AND candle_at_ms >= ? ORDER BY candle_at_ms, symbol", given)

    def samples_of(
        self, exchange: str, symbol: str, timeframe: Timeframe, since_ms: int, limit: int
    ) -> tuple[PerformanceSample, ...]:
        given = (exchange, symbol, timeframe.value, since_ms, limit)
        where = "exchange = ? AND symbol = ? AND timeframe = ? AND candle_at_ms >= ? ORDER BY candle_at_ms LIMIT ?"
        return self._found(where, given)

    def sampled_symbols(self, exchange: str, timeframe: Timeframe) -> tuple[str, ...]:
        return tuple(row[0] for row in self._database.rows(_SYMBOLS, (exchange, timeframe.value)) if row[0])

    def _found(self, where: str, given: tuple[object, ...]) -> tuple[PerformanceSample, ...]:
        rows = self._database.rows(
            f"SELECT exchange, symbol, timeframe, candle_at_ms, matured_at_ms, regime, {RETURNS}"
            f" FROM performance_samples AS s WHERE {where}",
            given,
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
