"""When the daemon trains by itself: a cron schedule in UTC, kept through suspends and jumps of the wall clock."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from autopilot.domain.errors import ConfigError

CLOCK_CHECK_S = 30.0
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_WEEKDAY_PART = re.compile(r"(?P<first>\*|[a-z]{3}|[0-7])(-(?P<last>[a-z]{3}|[0-7]))?(/(?P<step>[1-7]))?")


class TrainingSchedule:
    """Awaits ``run`` at every due time; never twice at once, and what was missed is made up once."""

    def __init__(self, run: Callable[[], Awaitable[None]]) -> None:
        self._run = run
        self._scheduler = AsyncIOScheduler(timezone=UTC)
        self._watch: asyncio.TimerHandle | None = None

    def start(self, schedule: str) -> None:
        """Inside a running event loop. Raises ConfigError as `cron_trigger` does."""
        self._scheduler.add_job(
            self._run, cron_trigger(schedule), misfire_grace_time=None, coalesce=True, max_instances=1
        )
        self._scheduler.start()
        self._watch_clock()

    def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def check_clock(self) -> None:
        """Compare the due time with the wall clock now. The timer that waits for it counts neither a suspend nor a
        jump, and a week is long enough for both."""
        self._scheduler.wakeup()

    def _watch_clock(self) -> None:
        self.check_clock()
        self._watch = asyncio.get_running_loop().call_later(CLOCK_CHECK_S, self._watch_clock)


def cron_trigger(schedule: str) -> CronTrigger:
    """In UTC. Raises ConfigError when the five fields make no sense, or name a day that never comes."""
    *others, weekdays = schedule.split(" ")
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
    """Every day by its name: cron numbers them from Sunday and APScheduler from Monday, where ranges and steps begin
    as well."""
    if field == "*":
        return field
    days = {day % 7 for part in field.lower().split(",") for day in _days(part)}
    return ",".join(_WEEKDAYS[day] for day in sorted(days))


def _days(part: str) -> range:
    """0 to 7 from Sunday to Sunday; beyond where a range goes on into the next week."""
    found = _WEEKDAY_PART.fullmatch(part)
    if not found:
        raise ValueError(f"{part!r} names no day of the week")
    first = 0 if found["first"] == "*" else _day(found["first"])
    alone = 6 if found["first"] == "*" or found["step"] else first
    last = _day(found["last"]) if found["last"] else alone
    return range(first, last + (7 if last < first else 0) + 1, int(found["step"] or 1))


def _day(text: str) -> int:
    if text.isdigit():
        return int(text)
    if text not in _WEEKDAYS:
        raise ValueError(f"{text!r} names no day of the week")
    return _WEEKDAYS.index(text)
