"""The performance tracker's records of whole series."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.regime import WARM_UP
from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.performance.performance_tracker import candles_a_group
from autopilot.performance.strategy_state import COMPLETE, SPANS_DAYS


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecords:
    """The tracker's record of each of s strategies. It changes only at some candles: ``since`` int64[r], ascending, the
    first of them −1. ``totals``: for each of `SPANS_DAYS` the sum and the number of the matured returns, float64[2, s,
    r]; ``complete`` bool[r]: enough of both spans had matured."""

    since: IntArray
    totals: tuple[FloatArray, ...]
    complete: BoolArray

    def at(self, candles: IntArray) -> IntArray:
        """The number of the record that is in force at each of these candles."""
        return np.searchsorted(self.since, candles, side="right") - 1

    def means_at(self, candles: IntArray) -> list[FloatArray]:
        """For each of `SPANS_DAYS` the mean return of each strategy at these candles: float64[s, m]."""
        number = self.at(candles)
        return [sums[:, number] / np.maximum(counts[:, number], 1.0) for sums, counts in self.totals]


def track_records(
    candles: Candles, steps: int, strategies: int, first_decided: int | None, outcomes: Iterable[FloatArray]
) -> TrackRecords:
    """The records over ``candles``. ``outcomes``: the returns float64[s, m] of successive spans of starts, from the
    warm-up to the last that has matured; NaN where unknown. ``first_decided``: as of `SymbolSeries`."""
    at_ms, timeframe = candles.open_at_ms, candles.timeframe
    matures = (at_ms // timeframe.ms + 1) % candles_a_group(timeframe) == 0
    if first_decided is not None:
        matures[first_decided : first_decided + 1] = True
    since = np.append(-1, np.flatnonzero(matures))
    newest = since - steps
    complete = newest >= WARM_UP
    newest = np.maximum(newest, 0)
    first = min(WARM_UP, len(candles))
    spans = []
    for days in SPANS_DAYS:
        rows = days * timeframe.per_day
        begun = np.searchsorted(at_ms, at_ms[newest] - days * DAY_MS, side="right")
        begin = np.maximum(np.maximum(begun, newest - rows + 1), first)
        end = np.maximum(newest + 1, begin)
        spans.append(_Span(begin, end, np.zeros((2, strategies, len(since)))))
        complete = complete & (end - begin >= COMPLETE * rows)
    carried = np.zeros((2, strategies, 1))
    for returns in outcomes:
        known = np.isfinite(returns)
        parts = np.stack([np.where(known, returns, 0.0), known])
        running = np.cumsum(np.concatenate([carried, parts], axis=2), axis=2)
        for span in spans:
            span.take(running, first)
        first, carried = first + returns.shape[1], running[:, :, -1:]
    return TrackRecords(since, tuple(span.values for span in spans), complete)


@dataclass(frozen=True, slots=True, eq=False)
class _Span:
    """``values`` float64[2, s, r]: sum and number of the returns of the starts ``begin`` to ``end`` (exclusive), both
    int64[r] and ascending."""

    begin: IntArray
    end: IntArray
    values: FloatArray

    def take(self, running: FloatArray, first: int) -> None:
        """``running`` float64[2, s, m + 1]: the totals before ``first`` and after each of the m starts from it on."""
        for bound, change in ((self.begin, np.subtract), (self.end, np.add)):
            low, high = np.searchsorted(bound, (first, first + running.shape[2] - 1), side="right")
            values = self.values[:, :, low:high]
            change(values, running[:, :, bound[low:high] - first], out=values)
