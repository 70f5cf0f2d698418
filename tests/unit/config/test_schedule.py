"""The schedule of trainings: cron's weekdays, and schedules that are refused."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.config.schedule import cron_trigger

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
        ("0 3 31 2 *", "that day never comes"),
        ("0 3 31 4,6,9,11 *", "that day never comes"),
        ("0 3 * * 8", '"8" is not a valid day of the week'),
        ("0 3 * * someday", '"someday" is not a valid day of the week'),
        ("0 3 * * sun-xyz", '"xyz" is not a valid day of the week'),
        ("61 25 * * *", '"61" is not a valid minute'),
        ("0 25 * * 0", '"25" is not a valid hour'),
        ("0 3 0 * *", '"0" is not a valid day'),
        ("0 3 * 13 *", '"13" is not a valid month'),
        ("*/99 * * * *", '"*/99" is not a valid minute'),
        ("0 3 * 0", "it has 4 fields, not 5"),
        ("@daily", "it has 1 fields, not 5"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_reason(schedule: str, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        cron_trigger(schedule)


def test_a_leap_day_comes() -> None:
    cron_trigger("0 3 29 2 *")


DAYS = st.lists(st.integers(1, 31), min_size=1, max_size=4, unique=True)
WEEKDAYS = st.lists(st.integers(0, 7), min_size=1, max_size=4, unique=True)


@given(st.one_of(st.none(), DAYS), st.one_of(st.none(), WEEKDAYS))
def test_a_day_must_match_both_day_fields(days: list[int] | None, weekdays: list[int] | None) -> None:
    """The oracle walks the days of a quarter."""
    trigger = cron_trigger(f"0 3 {_field(days)} * {_field(weekdays)}")
    fired, now, end = set(), MONDAY, MONDAY + timedelta(days=91)
    while (due := trigger.get_next_fire_time(None, now)) and due < end:
        fired.add(due.date())
        now = due + timedelta(minutes=1)
    expected = set()
    for number in range(91):
        day = (MONDAY + timedelta(days=number)).date()
        matches = [day.day in days] if days is not None else []
        matches += [day.isoweekday() % 7 in {each % 7 for each in weekdays}] if weekdays is not None else []
        if all(matches):
            expected.add(day)
    assert fired == expected


def _field(numbers: list[int] | None) -> str:
    return "*" if numbers is None else ",".join(map(str, numbers))


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Europe/Berlin"])
def test_it_fires_once_a_day_in_utc_whatever_the_machine_s_zone(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """02:30 does not exist, or exists twice, on the days on which a zone changes its clocks."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        trigger, now, fired = cron_trigger("30 2 * * *"), datetime(2024, 1, 1, tzinfo=UTC), []
        while (due := trigger.get_next_fire_time(None, now)) and due.year == 2024:
            fired.append(due)
            now = due + timedelta(microseconds=1)
    finally:
        monkeypatch.undo()
        time.tzset()
    assert fired == [datetime(2024, 1, 1, 2, 30, tzinfo=UTC) + timedelta(days=day) for day in range(366)]
