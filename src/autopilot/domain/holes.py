"""Missing candles, judged by what the exchange said of them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Gap, TimeSpan, missing, runs, union


@dataclass(frozen=True, slots=True)
class Holes:
    """The missing candles between the first and the last stored one, as disjoint spans, oldest first. ``confirmed``:
    the exchange has no candle there. ``unsettled``: it gave no candle, and is tried again. ``unasked``: not tried."""

    confirmed: tuple[TimeSpan, ...]
    unsettled: tuple[TimeSpan, ...]
    unasked: tuple[TimeSpan, ...]


def judged_holes(candles: Candles, gaps: Sequence[Gap]) -> Holes:
    """By the gaps that are known of the series."""
    if not len(candles):
        return Holes((), (), ())
    step_ms = candles.timeframe.ms
    span = TimeSpan(int(candles.open_at_ms[0]), candles.last_at_ms + step_ms)
    found = missing(span, runs(candles.open_at_ms.tolist(), step_ms))
    left = without(found, union(gap.span for gap in gaps if gap.next_try_at_ms is None))
    unasked = without(left, union(gap.span for gap in gaps if gap.next_try_at_ms is not None))
    return Holes(confirmed=without(found, left), unsettled=without(left, unasked), unasked=unasked)


def without(spans: Sequence[TimeSpan], others: Sequence[TimeSpan]) -> tuple[TimeSpan, ...]:
    """The parts of ``spans`` that are in none of ``others``; both disjoint and ascending."""
    begins, ends = [each.from_ms for each in others], [each.to_ms for each in others]
    return tuple(
        part
        for span in spans
        for part in missing(span, others[bisect_right(ends, span.from_ms) : bisect_left(begins, span.to_ms)])
    )
