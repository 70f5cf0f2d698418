"""Missing candles by what is known of them, against sets of open times."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Gap, GapReason, TimeSpan, runs
from autopilot.domain.holes import judged_holes, without
from autopilot.domain.timeframe import HOUR_MS, Timeframe


def candles_at(hours: set[int]) -> Candles:
    at_ms = np.array(sorted(hours), dtype=np.int64) * HOUR_MS
    return Candles(Timeframe.H1, at_ms, *(np.full(len(at_ms), 1.0) for _ in range(5)))


def hours_of(spans: tuple[TimeSpan, ...]) -> set[int]:
    found = [hour for span in spans for hour in range(span.from_ms // HOUR_MS, span.to_ms // HOUR_MS)]
    assert len(found) == len(set(found)), "disjoint"
    assert found == sorted(found)
    return set(found)


HOURS = st.sets(st.integers(0, 40))


@given(stored=HOURS, confirmed=HOURS, unsettled=HOURS)
def test_every_missing_candle_is_judged_once(stored: set[int], confirmed: set[int], unsettled: set[int]) -> None:
    unsettled -= confirmed
    gaps = [
        Gap(span, GapReason.NO_TRADES, 2, None) for span in runs([at * HOUR_MS for at in sorted(confirmed)], HOUR_MS)
    ]
    gaps += [Gap(span, GapReason.OUTAGE, 1, 7) for span in runs([at * HOUR_MS for at in sorted(unsettled)], HOUR_MS)]
    lacking = set(range(min(stored), max(stored))) - stored if stored else set()
    holes = judged_holes(candles_at(stored), gaps)
    assert hours_of(holes.confirmed) == lacking & confirmed
    assert hours_of(holes.unsettled) == lacking & unsettled
    assert hours_of(holes.unasked) == lacking - confirmed - unsettled


@given(ours=HOURS, others=HOURS)
def test_a_difference_of_spans_is_that_of_their_candles(ours: set[int], others: set[int]) -> None:
    spans = [runs([at * HOUR_MS for at in sorted(hours)], HOUR_MS) for hours in (ours, others)]
    assert hours_of(without(*spans)) == ours - others
