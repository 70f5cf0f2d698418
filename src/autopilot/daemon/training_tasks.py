"""Trainings as the daemon runs them: each in a process of its own, watched, on request or by schedule."""

from __future__ import annotations

import asyncio
import logging
import re
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.cron import CronTrigger

from autopilot.adapters.store import learning_queries
from autopilot.config.load import load
from autopilot.config.overrides import set_values
from autopilot.config.paths import Paths
from autopilot.control.errors import Conflict
from autopilot.control.requests import BootstrapRequest, RetrainRequest
from autopilot.daemon.spawn import PROGRAM
from autopilot.daemon.training_process import new_task
from autopilot.domain.documents import Document
from autopilot.domain.errors import AutopilotError, ConfigError
from autopilot.domain.task import TaskState
from autopilot.ports.clock import Clock
from autopilot.ports.tasks import TaskStore
from autopilot.training.request import TrainingRequest

CANCEL_LIMIT_S = 10.0
"""How long a training may take to end when it is told to."""
TASKS_SHOWN = 50
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")

log = logging.getLogger(__name__)


class TrainingTasks:
    """``arguments``: the global options that name this daemon's places to a child. ``trained`` is awaited after every
    training that succeeded."""

    def __init__(
        self,
        paths: Paths,
        store: TaskStore,
        clock: Clock,
        trained: Callable[[], Awaitable[None]],
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self._paths = paths
        self._store = store
        self._clock = clock
        self._trained = trained
        self._program = tuple(program)
        self._child: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._scheduler = AsyncIOScheduler(timezone="UTC")

    def open(self) -> None:
        """Tasks that a daemon before this one left behind have failed; the schedule begins. Raises ConfigError."""
        for task in self._store.unfinished():
            if not _is_alive(task.pid):
                self._store.finish(
                    task.id, TaskState.FAILED, self._clock.now_ms(), error=_gone("its process ended without a word")
                )
        schedule = load(self._paths).config.training.schedule
        if schedule:
            self._scheduler.add_job(
                self._scheduled, cron_trigger(schedule), misfire_grace_time=None, coalesce=True, max_instances=1
            )
        self._scheduler.start()

    async def start(self, request: RetrainRequest) -> Document:
        """Begin a training; returns its task. Raises Conflict when one is under way, ConfigError, StoreError."""
        running = self._store.unfinished()
        if running:
            raise Conflict(
                f"training {running[0].id} is under way", hint=f"autopilot tasks {running[0].id} shows how far it is"
            )
        task = new_task(training_request(self._paths, request), self._clock.now_ms())
        self._store.create(task)
        self._child = await asyncio.create_subprocess_exec(
            *self._program,
            *("--data-dir", str(self._paths.data_dir)),
            *(("--config", str(self._paths.config_file)) if self._paths.config_file.exists() else ()),
            *("retrain", "--task", task.id),
            stdin=asyncio.subprocess.DEVNULL,
            cwd="/",
        )
        self._watch = asyncio.create_task(self._await_end(self._child, task.id), name=f"training {task.id}")
        return self.task(task.id)

    def tasks(self) -> Document:
        return learning_queries.tasks(self._paths.database, TASKS_SHOWN)

    def task(self, task_name: str) -> Document:
        """``{"task": …}``. Raises NotFound."""
        return {"task": learning_queries.task(self._paths.database, task_name)}

    async def cancel(self, task_name: str) -> Document:
        """End it if it is under way; one that has ended stays as it is. Raises NotFound."""
        task = self._store.load(task_name)
        if not task.state.is_final and self._child is not None:
            await self._end_child()
        return self.task(task_name)

    def bootstrap_config(self) -> Document:
        """What the next training is made with."""
        training = load(self._paths).config.training
        return {
            "days": training.days,
            "timeframe": training.timeframe.value,
            "min_samples_per_strategy": training.min_samples_per_strategy,
            "symbols": list(training.symbols),
        }

    def configure(self, request: BootstrapRequest) -> Document:
        """Keep what was given; it holds from the next training on. Raises ConfigError, and changes nothing."""
        set_values(self._paths, {f"training.{name}": value for name, value in request.values.items()})
        return self.bootstrap_config()

    async def close(self) -> None:
        """A training under way is canceled: what it had done so far is of no use to anybody."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        await self._end_child()

    async def _scheduled(self) -> None:
        try:
            await self.start(RetrainRequest())
        except AutopilotError as error:
            log.warning("the scheduled training was not begun: %s", error)

    async def _await_end(self, child: asyncio.subprocess.Process, task_name: str) -> None:
        code = await child.wait()
        if code == -signal.SIGTERM:
            self._store.finish(task_name, TaskState.CANCELED, self._clock.now_ms())
        self._store.finish(task_name, TaskState.FAILED, self._clock.now_ms(), error=_gone(_fate(code)))
        self._child = None
        if self._store.load(task_name).state is TaskState.SUCCEEDED:
            await self._trained()

    async def _end_child(self) -> None:
        child, watch = self._child, self._watch
        if child is None or watch is None:
            return
        child.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(watch), CANCEL_LIMIT_S)
        except TimeoutError:
            child.kill()
            await watch


def training_request(paths: Paths, request: RetrainRequest) -> TrainingRequest:
    """What was asked for, and what the configuration says for the rest. Raises ConfigError."""
    config = load(paths).config
    return TrainingRequest(
        exchange=request.exchange or config.exchange,
        symbols=request.symbols or config.training.symbols,
        timeframe=request.timeframe or config.training.timeframe,
        days=request.days or config.training.days,
        min_samples_per_strategy=config.training.min_samples_per_strategy,
        seed=config.training.seed,
    )


def cron_trigger(schedule: str) -> CronTrigger:
    """In UTC. Raises ConfigError when the five fields make no sense."""
    *others, weekdays = schedule.split(" ")
    # APScheduler numbers the days of the week from Monday; cron, as everywhere else, from Sunday.
    named = re.sub(r"(?<![/\d])[0-7](?!\d)", lambda number: _WEEKDAYS[int(number[0])], weekdays)
    try:
        return CronTrigger.from_crontab(" ".join([*others, named]), timezone="UTC")
    except ValueError as error:
        raise ConfigError(
            f"training.schedule = {schedule!r} cannot be understood: {error}",
            hint='five fields as cron has them, such as "0 3 * * 0": Sundays at 03:00 UTC',
        ) from None


def _is_alive(pid: int | None) -> bool:
    """Of a training that outlived its daemon; process numbers are used again, so the command is looked at."""
    if pid is None:
        return False
    try:
        return b"retrain" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _fate(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code} without a word; the daemon's log may say more"
    name = signal.Signals(-code).name
    memory = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"its process was killed by {name}{memory}"


def _gone(message: str) -> Document:
    return {"type": "TrainingDied", "message": message, "hint": "autopilot retrain tries again", "traceback": ""}
