"""Sentiment of the past: what was known at a moment, read seldom, neutral when it cannot be read."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.adapters.sentiment.offline import NeutralSentiment, StoredSentiment
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, HOUR_MS


class MemoryStore:
    """A SentimentStore that counts how often it is read, and fails on request."""

    def __init__(self, days: dict[int, float]) -> None:
        self.days = dict(sorted(days.items()))
        self.reads = 0
        self.broken = False

    def save_sentiment(self, series: SentimentSeries) -> None:
        raise AssertionError("a replay writes nothing")

    def load_sentiment(self, name: str, since_ms: int, until_ms: int) -> SentimentSeries:
        self.reads += 1
        if self.broken:
            raise StoreUnavailable("the database is locked")
        found = {at: value for at, value in self.days.items() if since_ms <= at <= until_ms and name == "fear_greed"}
        return SentimentSeries(name, np.array(list(found), dtype=np.int64), np.array(list(found.values()), dtype=float))


def as_dict(series: SentimentSeries) -> dict[int, float]:
    return dict(zip(series.known_at_ms.tolist(), series.value.tolist(), strict=True))


@given(
    days=st.dictionaries(st.integers(0, 400), st.integers(0, 100).map(float), max_size=50),
    asked=st.lists(st.tuples(st.integers(0, 400 * 24), st.integers(0, 60 * 24)), min_size=1, max_size=12),
)
async def test_it_says_what_was_known_in_the_span_whatever_was_asked_before(
    days: dict[int, float], asked: list[tuple[int, int]]
) -> None:
    held = {day * DAY_MS: value for day, value in days.items()}
    source = StoredSentiment(MemoryStore(held))
    for now_h, back_h in asked:
        since_ms, now_ms = (now_h - back_h) * HOUR_MS, now_h * HOUR_MS
        series = await source.series("BTC/USD", since_ms, now_ms)
        assert as_dict(series) == {at: held[at] for at in sorted(held) if since_ms <= at <= now_ms}


async def test_a_year_of_hours_reads_the_store_a_few_times_and_costs_little() -> None:
    store = MemoryStore({day * DAY_MS: 50.0 for day in range(400)})
    source = StoredSentiment(store)
    hours = range(30 * 24, 395 * 24)
    began = time.process_time()
    for hour in hours:
        await source.series("BTC/USD", (hour - 30 * 24) * HOUR_MS, hour * HOUR_MS)
    each_us = (time.process_time() - began) / len(hours) * 1e6
    assert store.reads <= 6
    assert each_us < 100


async def test_a_store_that_fails_means_neutral_and_is_asked_again_later(caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryStore({day * DAY_MS: 50.0 for day in range(400)})
    store.broken = True
    source = StoredSentiment(store)
    assert not as_dict(await source.series("BTC/USD", 0, 30 * DAY_MS))
    assert not as_dict(await source.series("BTC/USD", 0, 31 * DAY_MS))
    assert store.reads == 1
    assert "the database is locked" in caplog.text
    store.broken = False
    assert len(as_dict(await source.series("BTC/USD", 170 * DAY_MS, 200 * DAY_MS))) == 31


async def test_neutral_has_no_opinion_at_any_moment() -> None:
    series = await NeutralSentiment().series("BTC/USD", 0, DAY_MS)
    assert np.isnan(series.at(np.array([0, DAY_MS], dtype=np.int64))).all()
