"""The gap ledger, against a dictionary with an entry for each candle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.app.data.ledger import (
    ASK_AGAIN_MS,
    SETTLING_MS,
    candle_count,
    gap_after,
    gaps_after,
    joined_across,
    lacking,
    settled_part,
    within,
)
from autopilot.domain.coverage import Gap, GapReason, TimeSpan, runs, union
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS, Timeframe

M1 = Timeframe.M1
LONG_AGO_MS = 1_000_000 * HOUR_MS
LENGTH = 40
numbers = st.sets(st.integers(0, LENGTH - 1))


def spans(candles: set[int]) -> tuple[TimeSpan, ...]:
    return runs([each * MINUTE_MS for each in sorted(candles)], MINUTE_MS)


def minutes(first: int, end: int) -> TimeSpan:
    return TimeSpan(first * MINUTE_MS, end * MINUTE_MS)


def numbered(found: tuple[TimeSpan, ...]) -> set[int]:
    return {at // MINUTE_MS for span in found for at in range(span.from_ms, span.to_ms, MINUTE_MS)}


@given(numbers, st.integers(0, LENGTH - 1), st.integers(1, LENGTH))
def test_the_parts_within_a_span(candles: set[int], first: int, length: int) -> None:
    found = within(spans(candles), minutes(first, first + length))
    assert numbered(found) == {each for each in candles if first <= each < first + length}


@given(numbers, numbers, numbers, st.integers(0, LENGTH - 2))
def test_an_answer_confirms_the_gaps_that_were_due_and_no_others(
    stored: set[int], once: set[int], waiting: set[int], first: int
) -> None:
    due = [Gap(each, GapReason.OUTAGE, 1, LONG_AGO_MS) for each in spans(once)]
    not_due = [Gap(each, GapReason.NO_TRADES, 1, LONG_AGO_MS + 1) for each in spans(waiting - once)]
    earlier = sorted([*due, *not_due], key=lambda each: each.span)
    answered = minutes(first, LENGTH)
    found = gaps_after(answered, spans(stored), M1, earlier, LONG_AGO_MS)
    tries = {number: each.tries for each in found for number in numbered((each.span,))}
    holes = set(range(first, LENGTH)) - stored
    assert tries == {each: 2 if each in once else 1 for each in holes}
    assert [each for each in found if each.next_try_at_ms is None] == [each for each in found if each.tries == 2]
    assert sum(candle_count((each.span,), M1) for each in found) == len(holes)


@given(numbers, numbers, numbers, st.integers(0, LENGTH - 2))
def test_what_was_never_fetched_and_the_gaps_that_are_due_are_lacking(
    covered: set[int], due: set[int], confirmed: set[int], first: int
) -> None:
    gaps = [
        *(Gap(each, GapReason.NO_TRADES, 1, LONG_AGO_MS) for each in spans(due & covered)),
        *(Gap(each, GapReason.NO_TRADES, 2, None) for each in spans((confirmed - due) & covered)),
    ]
    found = lacking(minutes(first, LENGTH), spans(covered), gaps, LONG_AGO_MS)
    wanted = set(range(first, LENGTH))
    assert numbered(found) == wanted - covered | wanted & covered & due
    assert found == union(found)


@pytest.mark.parametrize(
    ("timeframe", "candles", "reason"),
    [
        (Timeframe.M1, 59, GapReason.NO_TRADES),
        (Timeframe.M1, 60, GapReason.OUTAGE),
        (Timeframe.H1, 3, GapReason.NO_TRADES),
        (Timeframe.H1, 4, GapReason.OUTAGE),
        (Timeframe.D1, 1, GapReason.NO_TRADES),
    ],
)
def test_a_short_gap_has_no_trades_and_a_long_one_is_an_outage(
    timeframe: Timeframe, candles: int, reason: GapReason
) -> None:
    answered = TimeSpan(0, candles * timeframe.ms)
    (found,) = gaps_after(answered, [], timeframe, [], LONG_AGO_MS)
    assert (found.reason, found.tries, found.next_try_at_ms) == (reason, 1, LONG_AGO_MS + ASK_AGAIN_MS)


def test_two_answers_confirm_a_gap() -> None:
    once, twice = (gap_after(minutes(0, 5), GapReason.NOT_LISTED, tries, LONG_AGO_MS) for tries in (1, 2))
    assert once.next_try_at_ms == LONG_AGO_MS + ASK_AGAIN_MS
    assert twice.next_try_at_ms is None


def test_a_gap_of_today_is_asked_for_sooner() -> None:
    (found,) = gaps_after(minutes(0, 5), [], M1, [], now_ms=HOUR_MS)
    assert found.next_try_at_ms == HOUR_MS + SETTLING_MS


@pytest.mark.parametrize(
    ("timeframe", "closed_before_ms", "expected"),
    [
        (Timeframe.H1, 5 * MINUTE_MS, 9),
        (Timeframe.H1, 15 * MINUTE_MS, 10),
        (Timeframe.M1, 0, -5),
        (Timeframe.M1, 5 * MINUTE_MS, 0),
        (Timeframe.M1, 20 * MINUTE_MS, 10),
    ],
)
def test_what_closed_just_now_is_not_settled(timeframe: Timeframe, closed_before_ms: int, expected: int) -> None:
    span = TimeSpan(0, 10 * timeframe.ms)
    found = settled_part(span, timeframe, span.to_ms + closed_before_ms)
    assert (found and found.to_ms // timeframe.ms) == (expected if expected > 0 else None)


def test_near_spans_are_one_request() -> None:
    near = joined_across([minutes(0, 2), minutes(5, 6), minutes(20, 21)], 3 * MINUTE_MS)
    assert near == (minutes(0, 6), minutes(20, 21))
