"""Sentiment as a series of values that became known at stated moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS, HOUR_MS

FEAR_GREED = "fear_greed"
"""The name of the Crypto Fear & Greed index."""
OVERDUE_MS = DAY_MS + 6 * HOUR_MS
"""A day's value of the index is published when the day begins. Six hours later the next one is overdue."""
LOOKBACK_MS = 10 * DAY_MS
"""Sentiment from before the first candle that strategies use: more than a week's change and a value's life."""


@dataclass(frozen=True, slots=True, eq=False)
class SentimentSeries:
    """``n`` values of one index.

    ``known_at_ms`` int64[n], ascending: when each was published. ``value`` float64[n] in [0, 100], 0 extreme fear, 100
    extreme greed. ``seen_at_ms`` int64[n]: when each reached this machine, 0 (or None for all) if that is
    not recorded: then a value counts from its publication. It expires ``life_ms`` after its publication.
    """

    name: str
    known_at_ms: IntArray
    value: FloatArray
    life_ms: int = 3 * DAY_MS
    seen_at_ms: IntArray | None = None

    @classmethod
    def neutral(cls, name: str = "neutral") -> SentimentSeries:
        return cls(name, np.empty(0, dtype=np.int64), np.empty(0))

    @property
    def usable_at_ms(self) -> IntArray:
        """The moment from which each value can decide: int64[n]."""
        return self.known_at_ms if self.seen_at_ms is None else np.maximum(self.known_at_ms, self.seen_at_ms)

    def at(self, moments_ms: IntArray) -> FloatArray:
        """The latest value known at each moment, NaN without any: float64[len(moments_ms)]."""
        if not len(self.known_at_ms):
            return np.full(len(moments_ms), np.nan)
        usable_ms = self.usable_at_ms
        order = np.lexsort((self.known_at_ms, usable_ms))
        published_ms = self.known_at_ms[order]
        # A value that comes after a later one never counts.
        order = order[published_ms == np.maximum.accumulate(published_ms)]
        place = np.searchsorted(usable_ms[order], moments_ms, side="right") - 1
        latest = order[np.maximum(place, 0)]
        alive = (place >= 0) & (moments_ms - self.known_at_ms[latest] <= self.life_ms)
        return np.where(alive, self.value[latest], np.nan)

    def between(self, since_ms: int, until_ms: int) -> SentimentSeries:
        """The values that can decide from a moment in [since_ms, until_ms] on."""
        usable_ms = self.usable_at_ms
        return self.where((since_ms <= usable_ms) & (usable_ms <= until_ms))

    def where(self, mask: BoolArray) -> SentimentSeries:
        """The values of ``mask``, bool[n]."""
        seen = None if self.seen_at_ms is None else self.seen_at_ms[mask]
        return SentimentSeries(self.name, self.known_at_ms[mask], self.value[mask], self.life_ms, seen)

    def with_news(self, news: SentimentSeries) -> SentimentSeries:
        """Both together; of a value in both, that of ``news``."""
        known_at_ms = np.concatenate([news.known_at_ms, self.known_at_ms])
        _, first = np.unique(known_at_ms, return_index=True)
        seen = np.concatenate([news._seen(), self._seen()])
        value = np.concatenate([news.value, self.value])
        return SentimentSeries(self.name, known_at_ms[first], value[first], self.life_ms, seen[first])

    def _seen(self) -> IntArray:
        return np.zeros(len(self.value), dtype=np.int64) if self.seen_at_ms is None else self.seen_at_ms


def news_of(known: SentimentSeries, index: SentimentSeries, now_ms: int, watched_ms: int) -> SentimentSeries:
    """What an index of days, not empty, as it was read at ``now_ms``, adds to the values that are known.

    A value that may still decide is seen now. An older one is history, and counts from its publication; but after the
    first answer it would have been seen before, if it had been there. ``watched_ms``: the time of the first request if
    this is the first answer; 0 if it is not. The newest day with another value than before was revised: both are kept,
    the new one a millisecond later and seen now. Other days that were seen keep the value that was seen. A day that
    appears after a later one that was seen is left out: it has decided nothing.
    """
    seen_before = known._seen()
    first_seen_ms = min(known.known_at_ms[seen_before > 0].tolist(), default=now_ms)
    last_of_day = {
        at_ms // DAY_MS: (at_ms, value, seen)
        for at_ms, value, seen in zip(known.known_at_ms.tolist(), known.value, seen_before, strict=True)
    }
    before = max(last_of_day, default=-1)
    newest = max(before, int(index.known_at_ms[-1]) // DAY_MS)
    rows: list[tuple[int, float, int]] = []
    for at_ms, value in zip(index.known_at_ms.tolist(), index.value.tolist(), strict=True):
        day = at_ms // DAY_MS
        is_history = now_ms - at_ms > known.life_ms and at_ms < watched_ms
        if day not in last_of_day:
            if day > before or (is_history and at_ms < first_seen_ms):
                rows.append((at_ms, value, 0 if is_history else now_ms))
        elif last_of_day[day][1] != value:
            held_at_ms, _, seen = last_of_day[day]
            if day == newest and not is_history:
                rows.append((held_at_ms + 1, value, now_ms))
            elif not seen:
                rows.append((held_at_ms, value, 0))
    at, values, seen_at = zip(*rows, strict=True) if rows else ((), (), ())
    return SentimentSeries(
        known.name,
        np.array(at, dtype=np.int64),
        np.array(values, dtype=np.float64),
        known.life_ms,
        np.array(seen_at, dtype=np.int64),
    )
