"""The schedule by which the daemon trains: five fields as cron has them, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from apscheduler.triggers.cron import CronTrigger

from autopilot.domain.errors import ConfigError

_OTHER_FIELDS = ("minute", "hour", "day", "month")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_PART = re.compile(r"(?P<first>\*|[a-z]{3}|[0-7])(-(?P<last>[a-z]{3}|[0-7]))?(/(?P<step>[1-7]))?")


def cron_trigger(schedule: str) -> CronTrigger:
    """The trigger of a schedule. Raises ConfigError if a field is not valid, or the day never comes."""
    *others, weekdays = schedule.split(" ")
    if len(others) != len(_OTHER_FIELDS):
        raise _refused(schedule, f"it must have {len(_OTHER_FIELDS) + 1} fields, not {len(others) + 1}")
    for name, field in zip(_OTHER_FIELDS, others, strict=True):
        try:
            CronTrigger(timezone=UTC, **{name: field})
        except ValueError:
            raise _refused(schedule, f"{field!r} is not a valid {name}") from None
    try:
        trigger = CronTrigger.from_crontab(" ".join([*others, _named_weekdays(weekdays)]), timezone=UTC)
    except ValueError as error:
        raise _refused(schedule, str(error)) from None
    if trigger.get_next_fire_time(None, datetime.now(UTC)) is None:
        raise _refused(schedule, "that day never comes")
    return trigger


def _refused(schedule: str, why: str) -> ConfigError:
    return ConfigError(
        f"training.schedule = {schedule!r} cannot be understood: {why}",
        hint='five fields as cron has them, such as "0 3 * * 0": Sundays at 03:00 UTC',
    )


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
        raise ValueError(f"{part!r} is not a valid day of the week")
    first = 0 if found["first"] == "*" else _day(found["first"])
    alone = 6 if found["first"] == "*" or found["step"] else first
    last = _day(found["last"]) if found["last"] else alone
    return range(first, last + (7 if last < first else 0) + 1, int(found["step"] or 1))


def _day(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in _WEEKDAYS:
        raise ValueError(f"{text!r} is not a valid day of the week")
    return _WEEKDAYS.index(text)
