"""The daemon's jobs, at intervals and by cron. No job waits for another, and none is lost if the wall clock jumps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

CLOCK_CHECK_S = 5.0
CLOCK_JUMP_S = 2.0

Job = Callable[[], Awaitable[None]]


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

    def add(self, name: str, run: Job, interval_s: float) -> None:
        """Run now and then every ``interval_s`` seconds."""
        trigger = IntervalTrigger(seconds=interval_s, timezone=UTC)
        self._scheduler.add_job(run, trigger, id=name, next_run_time=datetime.now(UTC), replace_existing=True)

    def add_cron(self, name: str, run: Job, trigger: BaseTrigger) -> None:
        """Run at the times of ``trigger``."""
        self._scheduler.add_job(run, trigger, id=name, replace_existing=True)

    def remove(self, name: str) -> None:
        """Stop further runs; a run under way ends by itself. Unknown names are fine."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(name)

    def next_run_ms(self, name: str) -> int | None:
        """When the job runs next; None for an unknown name."""
        job = self._scheduler.get_job(name)
        return int(job.next_run_time.timestamp() * 1000) if job and job.next_run_time else None

    def stop(self) -> None:
        if self._watch:
            self._watch.cancel()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def check_clock(self) -> bool:
        """Compare the due times with the wall clock now, because the timer that waits for them counts neither a suspend
        nor a jump. Returns whether the wall clock has jumped; then all jobs at intervals run now, for after a step back
        they would be due only after the length of the step."""
        offset_s = self._wall_s() - self._monotonic_s()
        jumped = abs(offset_s - self._clock_offset_s) > CLOCK_JUMP_S
        self._clock_offset_s = offset_s
        if jumped:
            logging.getLogger(__name__).warning("the wall clock jumped; all cycles run now")
            for job in self._scheduler.get_jobs():
                if isinstance(job.trigger, IntervalTrigger):
                    job.modify(next_run_time=datetime.now(UTC))
        self._scheduler.wakeup()
        return jumped

    def _watch_clock(self) -> None:
        self.check_clock()
        self._watch = asyncio.get_running_loop().call_later(CLOCK_CHECK_S, self._watch_clock)
