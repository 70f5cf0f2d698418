"""Whatever is saved, deleted, pruned and renamed in whatever order: coverage and gaps equal those of a dictionary that
has an entry for each candle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.store import coverage
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, TimeSpan, Way, missing, replaced, runs
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe

HOURS = 40
NAMES = ("A/USD", "B/USD")
EXCHANGE = "kraken"


@dataclass
class Known:
    """Of one series, by the hour: the close of the stored candle, the way it was covered, and the gap it is in."""

    closes: dict[int, float] = field(default_factory=dict)
    ways: dict[int, Way] = field(default_factory=dict)
    gaps: dict[int, tuple[GapReason, int]] = field(default_factory=dict)

    def store(self, hour: int, close: float, way: Way) -> None:
        if self.closes.get(hour) != close:
            self.closes[hour], self.ways[hour] = close, way
            self.gaps.pop(hour, None)


def candles_of(closes: dict[int, float]) -> Candles:
    hours = sorted(closes)
    price = np.array([closes[hour] for hour in hours])
    at_ms = np.array(hours, dtype=np.int64) * HOUR_MS
    return Candles(Timeframe.H1, at_ms, price, price, price, price, price)


def span_of(begin: int, end: int) -> TimeSpan:
    return TimeSpan(begin * HOUR_MS, end * HOUR_MS)


def hours_of(span: TimeSpan) -> Iterable[int]:
    return range(span.from_ms // HOUR_MS, span.to_ms // HOUR_MS)


closes = st.dictionaries(st.integers(0, HOURS - 1), st.sampled_from([1.0, 2.0]), max_size=12)
names = st.sampled_from(NAMES)
spans = st.tuples(st.integers(0, HOURS), st.integers(0, HOURS)).filter(lambda ends: ends[0] != ends[1]).map(sorted)
gaps = st.lists(st.tuples(spans, st.sampled_from(GapReason), st.integers(1, 3)), max_size=3)
STEPS = st.one_of(
    st.tuples(st.just("save"), names, closes, st.sampled_from([Way.LIVE, Way.IMPORT, Way.DERIVED])),
    st.tuples(st.just("live"), names, st.integers(0, HOURS), st.integers(1, 12)),
    st.tuples(
        st.just("settle"), names, closes, spans, st.sampled_from([Way.PAGES, Way.ARCHIVE]), gaps, st.integers(0, 9)
    ),
    st.tuples(st.just("delete"), names),
    st.tuples(st.just("prune"), names, st.integers(0, HOURS)),
    st.tuples(st.just("rename"), names),
)


class Series:
    """The store and the dictionaries, changed alike."""

    def __init__(self, store: SqliteCandles) -> None:
        self.stored = store
        self.known = {name: Known() for name in NAMES}

    def save(self, name: str, closes: dict[int, float], way: Way) -> None:
        changed = sum(self.known[name].closes.get(hour) != close for hour, close in closes.items())
        assert self.stored.save_candles(EXCHANGE, name, candles_of(closes), way) == changed
        for hour, close in closes.items():
            self.known[name].store(hour, close, way)

    def live(self, name: str, begin: int, count: int) -> None:
        for hour in range(begin, begin + count):
            self.save(name, {hour: 3.0}, Way.LIVE)

    def settle(self, name, closes, span, way, gaps, days) -> None:
        known, covered = self.known[name], span_of(*span)
        inside = {hour: close for hour, close in closes.items() if hour in hours_of(covered)}
        apart: list[Gap] = []
        for (begin, end), reason, tries in gaps:
            within = max(begin, span[0]), min(end, span[1])
            if within[0] < within[1]:
                parts = missing(span_of(*within), [gap.span for gap in apart])
                apart += [Gap(part, reason, tries, None) for part in parts]
        self.stored.save_covered(EXCHANGE, name, candles_of(inside), CoveredSpan(covered, way, days * DAY_MS), apart)
        known.closes |= inside
        for hour in hours_of(covered):
            known.ways[hour] = way
            known.gaps.pop(hour, None)
        for gap in apart:
            known.gaps |= {hour: (gap.reason, gap.tries) for hour in hours_of(gap.span) if hour not in known.closes}

    def delete(self, name: str) -> None:
        assert self.stored.delete_candles(EXCHANGE, name, Timeframe.H1) == len(self.known[name].closes)
        self.known[name] = Known()

    def prune(self, name: str, before: int) -> None:
        at_ms = before * HOUR_MS - HOUR_MS // 2
        count = self.stored.prune_candles(EXCHANGE, name, Timeframe.H1, at_ms)
        known = self.known[name]
        assert count == sum(hour < before for hour in known.closes)
        for each in (known.closes, known.ways, known.gaps):
            for hour in [hour for hour in each if hour < before]:
                del each[hour]

    def rename(self, name: str) -> None:
        other = NAMES[1 - NAMES.index(name)]
        here, there = self.known[name], self.known[other]
        if any(here.closes[hour] != there.closes[hour] for hour in here.closes.keys() & there.closes):
            with pytest.raises(CandleError):
                self.stored.rename_candles(EXCHANGE, name, Timeframe.H1, EXCHANGE, other)
            return
        count = self.stored.rename_candles(EXCHANGE, name, Timeframe.H1, EXCHANGE, other)
        assert count == len(here.closes)
        there.gaps |= {hour: gap for hour, gap in here.gaps.items() if hour not in there.ways}
        there.ways = here.ways | there.ways
        there.closes |= here.closes
        for hour in here.closes:
            there.gaps.pop(hour, None)
        self.known[name] = Known()

    def check_near(self, name: str, known: Known) -> None:
        """What is read near a span is all that is known of it."""
        near = TimeSpan(8 * HOUR_MS, 16 * HOUR_MS)
        spans = self.stored.covered(EXCHANGE, name, Timeframe.H1, near)
        ways = {hour: each.way for each in spans for hour in hours_of(each.span)}
        assert ways.items() <= known.ways.items()
        assert {hour for hour in known.ways if 8 <= hour < 16} <= ways.keys()
        gaps = {hour for each in self.stored.gaps(EXCHANGE, name, Timeframe.H1, near) for hour in hours_of(each.span)}
        assert {hour for hour in known.gaps if 8 <= hour < 16} <= gaps <= known.gaps.keys()

    def check(self) -> None:
        for name, known in self.known.items():
            found = self.stored.covered(EXCHANGE, name, Timeframe.H1)
            assert list(found) == sorted(found, key=lambda each: each.span)
            assert [(hour, each.way) for each in found for hour in hours_of(each.span)] == sorted(known.ways.items())
            assert replaced(found, ()) == found, "no two that could be one"
            assert not any(each.span.from_ms % HOUR_MS or each.span.to_ms % HOUR_MS for each in found)
            gaps = self.stored.gaps(EXCHANGE, name, Timeframe.H1)
            assert [(hour, (gap.reason, gap.tries)) for gap in gaps for hour in hours_of(gap.span)] == sorted(
                known.gaps.items()
            )
            self.check_near(name, known)
            loaded = self.stored.load_candles(EXCHANGE, name, Timeframe.H1)
            times = loaded.open_at_ms // HOUR_MS
            assert dict(zip(times.tolist(), loaded.close.tolist(), strict=True)) == known.closes
            assert known.closes.keys() <= known.ways.keys(), "every candle is covered"


@settings(max_examples=120)
@given(st.lists(STEPS, max_size=14))
def test_each_candle_is_covered_as_it_came(steps) -> None:
    with directory_in_memory() as directory, patch.object(coverage, "MOST_LOOSE", 5):
        database = ready_database(Path(directory) / "autopilot.db")
        series = Series(SqliteCandles(database))
        for step, *given_values in steps:
            getattr(series, step)(*given_values)
            series.check()
        database.close()


@given(st.sets(st.integers(0, 200)))
def test_runs_are_those_of_a_walk(hours: set[int]) -> None:
    times = sorted(hour * HOUR_MS for hour in hours)
    found = runs(times, HOUR_MS)
    assert [hour for span in found for hour in hours_of(span)] == sorted(hours)
    assert all(one.to_ms < other.from_ms for one, other in pairwise(found))
