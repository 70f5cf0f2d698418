"""Sentiment series in SQLite."""

from __future__ import annotations

import numpy as np

from autopilot.adapters.store.database import Store
from autopilot.domain.sentiment import SentimentSeries
from autopilot.ports.sentiment import SentimentStore

_SAVE = (
    "INSERT INTO sentiment (name, known_at_ms, value, seen_at_ms) VALUES (?, ?, ?, nullif(?, 0))"
    " ON CONFLICT (name, known_at_ms) DO UPDATE SET value = excluded.value, seen_at_ms = excluded.seen_at_ms"
    " WHERE sentiment.seen_at_ms IS NULL"
)
_USABLE_AT_MS = "max(known_at_ms, coalesce(seen_at_ms, 0))"


class SqliteSentiment(Store, SentimentStore):
    def save_sentiment(self, series: SentimentSeries) -> None:
        times = series.known_at_ms.tolist()
        seen = [0] * len(times) if series.seen_at_ms is None else series.seen_at_ms.tolist()
        rows = zip(times, series.value.tolist(), seen, strict=True)
        with self._database.transaction(durable=False) as connection:
            connection.executemany(_SAVE, ((series.name, *row) for row in rows))

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        rows = self._database.rows(
            "SELECT known_at_ms, value, coalesce(seen_at_ms, 0) FROM sentiment"
            f" WHERE name = ? AND {_USABLE_AT_MS} BETWEEN ? AND ? ORDER BY known_at_ms",
            (name, since_ms, until_ms),
        )
        return SentimentSeries(
            name,
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=float),
            seen_at_ms=np.array([row[2] for row in rows], dtype=np.int64),
        )
