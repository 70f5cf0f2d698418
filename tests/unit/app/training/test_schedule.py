"""The schedule of trainings: cron's weekdays, and schedules that are refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.app.training.schedule import cron_trigger
from autopilot.domain.errors import ConfigError

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def days_fired(schedule: str) -> set[int]:
    """Cron's numbers, 0 for Sunday, of the days of one week on which it fires."""
    trigger, fired, now = cron_trigger(schedule), set(), MONDAY
    while (due := trigger.get_next_fire_time(None, now)) and due < MONDAY + timedelta(days=7):
        fired.add(due.isoweekday() % 7)
        now = due + timedelta(minutes=1)
    return fired


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ("*", {0, 1, 2, 3, 4, 5, 6}),
        ("0", {0}),
        ("7", {0}),
        ("0-6", {0, 1, 2, 3, 4, 5, 6}),
        ("1-7", {0, 1, 2, 3, 4, 5, 6}),
        ("1-5", {1, 2, 3, 4, 5}),
        ("1-5/2", {1, 3, 5}),
        ("*/2", {0, 2, 4, 6}),
        ("6-7", {6, 0}),
        ("5-1", {5, 6, 0, 1}),
        ("SUN,tue", {0, 2}),
        ("fri-mon", {5, 6, 0, 1}),
        ("3/2", {3, 5}),
        ("1,3-4", {1, 3, 4}),
    ],
)
def test_days_of_the_week_are_cron_s(weekdays: str, expected: set[int]) -> None:
    assert days_fired(f"0 3 * * {weekdays}") == expected


@given(st.integers(0, 6), st.integers(0, 6), st.integers(1, 7), st.booleans())
def test_a_range_is_walked_day_by_day(first: int, last: int, step: int, in_words: bool) -> None:
    day, expected, walked = first, set(), 0
    while True:
        if walked % step == 0:
            expected.add(day)
        if day == last:
            break
        day, walked = (day + 1) % 7, walked + 1
    ends = f"{NAMES[first]}-{NAMES[last]}" if in_words else f"{first}-{last}"
    assert days_fired(f"30 4 * * {ends}/{step}") == expected


@pytest.mark.parametrize(
    ("schedule", "why"),
    [
        ("0 3 31 2 *", "never comes"),
        ("0 3 * * 8", "'8'"),
        ("0 3 * * someday", "'someday'"),
        ("0 3 * * sun-xyz", "'xyz'"),
        ("0 25 * * 0", "'25' is not a valid hour"),
        ("0 3 * 0", "it must have 5 fields, not 4"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(schedule: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        cron_trigger(schedule)
    assert "Sundays" in caught.value.hint


def test_a_leap_day_comes() -> None:
    cron_trigger("0 3 29 2 *")
