"""The schedule by which the daemon trains: five fields as cron has them, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

FIELDS = ("minute", "hour", "day", "month", "day of the week")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_PART = re.compile(r"(?P<first>\*|[a-z]{3}|[0-7])(-(?P<last>[a-z]{3}|[0-7]))?(/(?P<step>[1-7]))?")


def cron_trigger(schedule: str) -> CronTrigger:
    """The trigger of a schedule: a time must match all five fields. Raises ValueError if a field is not valid, or the
    day never comes."""
    # Imported here, for only a configuration with a schedule needs it.
    from apscheduler.triggers.cron import CronTrigger

    fields = schedule.split(" ")
    if len(fields) != len(FIELDS):
        raise ValueError(f"it has {len(fields)} fields, not {len(FIELDS)}")
    *others, weekdays = fields
    named = dict(zip(FIELDS, others, strict=False))
    for name, field in named.items():
        try:
            CronTrigger(timezone=UTC, **{name: field})
        except ValueError:
            raise ValueError(f'"{field}" is not a valid {name}') from None
    trigger = CronTrigger(timezone=UTC, **named, day_of_week=_named_weekdays(weekdays))
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise ValueError("that day never comes")
    return trigger


def _named_weekdays(field: str) -> str:
    """The days of the week by name: cron counts from Sunday, APScheduler counts, and begins ranges and steps, on
    Monday."""
    if field == "*":
        return field
    days = {day % 7 for part in field.lower().split(",") for day in _days(part)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _days(part: str) -> range:
    """Day numbers from 0, Sunday; above 6 if the range goes on into the next week. Raises ValueError."""
    found = _WEEKDAY_PART.fullmatch(part)
    if not found:
        raise _no_weekday(part)
    first = 0 if found["first"] == "*" else _day(found["first"])
    alone = 6 if found["first"] == "*" or found["step"] else first
    last = _day(found["last"]) if found["last"] else alone
    return range(first, last + (7 if last < first else 0) + 1, int(found["step"] or 1))


def _day(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in _WEEKDAYS:
        raise _no_weekday(text)
    return _WEEKDAYS.index(text)


def _no_weekday(text: str) -> ValueError:
    return ValueError(f'"{text}" is not a valid {FIELDS[-1]}')
