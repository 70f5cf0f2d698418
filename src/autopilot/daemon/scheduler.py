"""The daemon's jobs, at intervals, by cron and at each close. No job waits for another, and none is lost if the wall
clock jumps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from autopilot.domain.timeframe import Timeframe

CLOCK_CHECK_S = 5.0
CLOCK_JUMP_S = 2.0
LEAST_CORRECTION = timedelta(milliseconds=5)
"""A run at a close that is planned by less too early or too late stays where it is."""
EARLY_MS = 50
"""A run that began by less too early was that of its close."""

Job = Callable[[], Awaitable[None]]


class CloseTrigger(BaseTrigger):  # type: ignore[misc]  # the library has no types
    """Fires ``delay_ms()`` after each close of a timeframe by an exchange's clock, which is not the wall clock that the
    scheduler waits by. ``now_ms`` and ``delay_ms`` are called each time."""

    def __init__(self, timeframe: Timeframe, now_ms: Callable[[], int], delay_ms: Callable[[], int]) -> None:
        self._timeframe = timeframe
        self._now_ms = now_ms
        self._delay_ms = delay_ms
        self._close_ms = 0
        """The close that is waited for."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """By the wall clock, of which it is ``now``."""
        since_ms = self._since_ms()
        early_ms = EARLY_MS if previous_fire_time else 0
        self._close_ms = self._timeframe.floor(since_ms + early_ms) + self._timeframe.ms
        return now + timedelta(milliseconds=self._close_ms - since_ms)

    def corrected(self, now: datetime) -> datetime:
        """When to fire instead of at the time that was planned, by what the clocks say ``now``. A close that is over
        already, by a clock that was behind, is not skipped."""
        return now if self._since_ms() >= self._close_ms else self.get_next_fire_time(None, now)

    def _since_ms(self) -> int:
        """A close at this time fires now."""
        return self._now_ms() - self._delay_ms()


class JobScheduler:
    """Runs each job never twice at once, and makes up for late runs once. ``wall_s`` and ``monotonic_s`` give the two
    clocks in seconds."""

    def __init__(
        self, wall_s: Callable[[], float] = time.time, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._clock_offset_s = wall_s() - monotonic_s()
        once = {"max_instances": 1, "coalesce": True, "misfire_grace_time": None}
        self._scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=once)
        self._watch: asyncio.TimerHandle | None = None
        # A cycle that outlasts its interval is normal here (a replay at full speed); only errors are news.
        logging.getLogger("apscheduler").setLevel(logging.ERROR)

    def start(self) -> None:
        """Inside a running event loop."""
        self._scheduler.start()
        self._watch_clock()

    def add(self, name: str, run: Job, interval_s: float, first_s: float = 0.0) -> None:
        """Run in ``first_s`` seconds and then every ``interval_s`` seconds."""
        trigger = IntervalTrigger(seconds=interval_s, timezone=UTC)
        first = datetime.now(UTC) + timedelta(seconds=first_s)
        self._scheduler.add_job(run, trigger, id=name, next_run_time=first, replace_existing=True)

    def add_at(self, name: str, run: Job, trigger: BaseTrigger) -> None:
        """Run at the times of ``trigger``."""
        self._scheduler.add_job(run, trigger, id=name, replace_existing=True)

    def run_in(self, name: str, seconds: float) -> None:
        """Run a job after this time, in which it must have ended if it is under way; its interval begins anew. Unknown
        names are fine."""
        with suppress(JobLookupError):
            self._scheduler.modify_job(name, next_run_time=datetime.now(UTC) + timedelta(seconds=seconds))

    def remove(self, name: str) -> None:
        """Stop further runs; a run under way ends by itself. Unknown names are fine."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def next_run_ms(self, name: str) -> int | None:
        """When the job runs next; None for an unknown name."""
        job = self._scheduler.get_job(name)
        return int(job.next_run_time.timestamp() * 1000) if job and job.next_run_time else None

    def is_due_within(self, name: str, seconds: float) -> bool:
        """Whether the job runs in this time; False for an unknown name."""
        job = self._scheduler.get_job(name)
        return job is not None and job.next_run_time <= datetime.now(UTC) + timedelta(seconds=seconds)

    def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def check_clock(self) -> bool:
        """Compare the due times with the clocks now, because the timer that waits for them counts neither a suspend nor
        a jump. Returns whether the wall clock has jumped; then all jobs at intervals run now, for after a step back
        they would be due only after the length of the step."""
        offset_s = self._wall_s() - self._monotonic_s()
        jumped = abs(offset_s - self._clock_offset_s) > CLOCK_JUMP_S
        self._clock_offset_s = offset_s
        if jumped:
            logging.getLogger(__name__).warning("the wall clock jumped; all cycles run now")
            for job in self._scheduler.get_jobs():
                if isinstance(job.trigger, IntervalTrigger):
                    job.modify(next_run_time=datetime.now(UTC))
        self._correct_closes()
        self._scheduler.wakeup()
        return jumped

    def _correct_closes(self) -> None:
        """The exchange's clock is known better and better, and the wall clock may be set."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if isinstance(job.trigger, CloseTrigger) and job.next_run_time > now:
                due = job.trigger.corrected(now)
                if abs(due - job.next_run_time) > LEAST_CORRECTION:
                    job.modify(next_run_time=due)

    def _watch_clock(self) -> None:
        self.check_clock()
        self._watch = asyncio.get_running_loop().call_later(CLOCK_CHECK_S, self._watch_clock)
