"""Sentiment series in SQLite."""

from __future__ import annotations

import numpy as np

from autopilot.adapters.store.database import Store
from autopilot.domain.sentiment import SentimentSeries
from autopilot.lean_imports import held_back
from autopilot.ports.sentiment import SentimentStore


class SqliteSentiment(Store, SentimentStore):
    def save_sentiment(self, series: SentimentSeries) -> None:
        with held_back():
            import sqlite_utils

        with self._database.transaction(durable=False) as connection:
            sqlite_utils.Database(connection).table("sentiment").upsert_all(
                (
                    {"name": series.name, "known_at_ms": at_ms, "value": value}
                    for at_ms, value in zip(series.known_at_ms.tolist(), series.value.tolist(), strict=True)
                ),
                pk=("name", "known_at_ms"),
            )

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        rows = self._database.rows(
            "SELECT known_at_ms, value FROM sentiment WHERE name = ? AND known_at_ms BETWEEN ? AND ?"
            " ORDER BY known_at_ms",
            (name, since_ms, until_ms),
        )
        return SentimentSeries(
            name, np.array([row[0] for row in rows], dtype=np.int64), np.array([row[1] for row in rows], dtype=float)
        )
