"""One training as a task: alone on its data directory, its progress and its end written for all to read."""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from types import FrameType

from autopilot.adapters.clock import WallClock
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.views import learning
from autopilot.app.lock import hold_lock
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError, Kind, StoreError
from autopilot.domain.task import Task, TaskState, task_id
from autopilot.domain.timeframe import Timeframe
from autopilot.training.request import Report, Stage, TrainingRequest

KIND = "retrain"
REPORT_EVERY_S = 0.2
KINDNESS = 10
"""How far a training steps back behind the daemon's cycles (nice)."""

Train = Callable[[Paths, AutopilotConfig, TrainingRequest, Report], Document]

log = logging.getLogger(__name__)


class TrainingRuns(AutopilotError):
    """Another training owns the data directory."""

    kind = Kind.BLOCKED


class TrainingDied(AutopilotError):
    """The process of a training ended without a word."""


class Canceled(BaseException):
    """The training was told to end; no error, and nothing to report."""


def new_task(request: TrainingRequest, now_ms: int) -> Task:
    """Not begun yet."""
    return Task(
        id=task_id(now_ms, os.urandom(2)),
        kind=KIND,
        state=TaskState.PENDING,
        created_at_ms=now_ms,
        started_at_ms=None,
        ended_at_ms=None,
        pid=None,
        request={
            "exchange": request.exchange,
            "symbols": list(request.symbols),
            "timeframe": request.timeframe.value,
            "days": request.days,
            "min_samples_per_strategy": request.min_samples_per_strategy,
            "seed": request.seed,
            "surrogate": request.surrogate,
        },
        stage="",
        done=0,
        total=0,
        detail="",
        result=None,
        error=None,
    )


def request_of(task: Task) -> TrainingRequest:
    """What `new_task` was given."""
    asked = task.request
    return TrainingRequest(
        exchange=asked["exchange"],
        symbols=tuple(asked["symbols"]),
        timeframe=Timeframe(asked["timeframe"]),
        days=asked["days"],
        min_samples_per_strategy=asked["min_samples_per_strategy"],
        seed=asked["seed"],
        surrogate=asked["surrogate"],
    )


@contextmanager
def training_lock(paths: Paths) -> Iterator[None]:
    """One training at a time on a data directory, the daemon's or another's. Raises TrainingRuns, ConfigError."""

    def busy(pid: int | None) -> TrainingRuns:
        name = _task_of(paths, pid)
        return TrainingRuns(
            f"training {name or 'of another command'}{f' (process {pid})' if pid else ''} runs on {paths.data_dir}"
            " already",
            hint=f"autopilot tasks{f' {name}' if name else ''} shows how far it is",
        )

    with hold_lock(paths.data_dir / "training.lock", busy):
        yield


def fail_abandoned(paths: Paths, tasks: SqliteTasks, now_ms: int) -> None:
    """Tasks that are unfinished though no training runs: their processes are gone. Not to be asked while one that was
    just begun is on its way to its lock. Raises StoreError, ConfigError."""
    if tasks.unfinished():
        with suppress(TrainingRuns), training_lock(paths):
            for task in tasks.unfinished():
                tasks.finish(task.id, TaskState.FAILED, now_ms, error=died("its process ended without a word"))


def perform(paths: Paths, task_name: str, train: Train, watcher: Report | None = None) -> Task:
    """Do the task and keep what came of it; returns it in its final state. ``watcher`` is told of the progress too.

    Raises StoreError, NotFound when there is no such task, and TrainingRuns; what goes wrong in the training itself is
    the task's error. SIGTERM and SIGINT cancel it until its model is about to be kept.
    """
    with closing(open_database(paths.database)) as database:
        tasks = SqliteTasks(database)
        task = tasks.load(task_name)
        try:
            with training_lock(paths):
                _fail_others(tasks, task.id)
                tasks.begin(task.id, os.getpid(), WallClock().now_ms())
                if not tasks.load(task.id).state.is_final:
                    _train(paths, task, train, tasks, watcher)
        except (Canceled, KeyboardInterrupt):
            tasks.finish(task.id, TaskState.CANCELED, WallClock().now_ms())
        except Exception as error:
            if not isinstance(error, AutopilotError):
                log.exception("the training failed")
            tasks.finish(task.id, TaskState.FAILED, WallClock().now_ms(), error=error_document(error))
            if isinstance(error, TrainingRuns):
                raise
        return tasks.load(task.id)


def _train(paths: Paths, task: Task, train: Train, tasks: SqliteTasks, watcher: Report | None) -> None:
    progress = _Progress(tasks, task.id, watcher)
    with _signals(progress.cancel):
        try:
            result = train(paths, load(paths).config, request_of(task), progress)
        except Exception as error:
            if progress.is_canceled:
                # Whatever the interruption was made into on its way up.
                raise Canceled from error
            raise
        tasks.finish(task.id, TaskState.SUCCEEDED, WallClock().now_ms(), result=result)


def _fail_others(tasks: SqliteTasks, task_name: str) -> None:
    """Whoever holds the lock knows that no other training runs."""
    for other in tasks.unfinished():
        if other.id != task_name and other.state is TaskState.RUNNING:
            error = died("its process ended without a word")
            tasks.finish(other.id, TaskState.FAILED, WallClock().now_ms(), error=error)


def _task_of(paths: Paths, pid: int | None) -> str | None:
    """None where it is not known, as of a training that has only just taken the lock."""
    with suppress(StoreError):
        for task in learning.tasks(paths.database)["tasks"]:
            if task["pid"] == pid and task["state"] == TaskState.RUNNING:
                return str(task["id"])
    return None


def died(message: str) -> Document:
    """The error of a task whose process ended without a word."""
    return {**error_document(TrainingDied(message, hint="autopilot retrain tries again")), "traceback": ""}


def error_document(error: Exception) -> Document:
    """An error as a task keeps it: with its type and its traceback."""
    unexpected = {"code": "INTERNAL_ERROR", "kind": Kind.FAILED.value, "message": str(error), "hint": ""}
    body = error.document() if isinstance(error, AutopilotError) else unexpected
    traced = "".join(traceback.format_exception(error))
    return {**body, "type": type(error).__name__, "traceback": traced}


class _Progress:
    """Writes a few times a second at most, and every stage's beginning."""

    def __init__(self, tasks: SqliteTasks, task_name: str, watcher: Report | None) -> None:
        self._tasks = tasks
        self._task = task_name
        self._watcher = watcher
        self._stage: Stage | None = None
        self._written_s = 0.0
        self.is_canceled = False
        self._is_writing = False

    def __call__(self, stage: Stage, done: int, total: int, detail: str = "") -> None:
        now_s = time.monotonic()
        is_due = stage is not self._stage or now_s - self._written_s >= REPORT_EVERY_S or done == total
        self._stage = stage
        if is_due:
            self._write(stage, done, total, detail)
            self._written_s = now_s
        if self.is_canceled:
            # Python swallows what a signal's handler raises while an object is being finalized.
            raise Canceled
        if self._watcher:
            self._watcher(stage, done, total, detail)

    def cancel(self) -> None:
        """End the training here and now. Once its model is being kept and promoted it is left to end by itself: that
        takes a moment, and a task must not say that nothing was changed when something was."""
        if self._stage is not Stage.PROMOTION:
            self.is_canceled = True
            if not self._is_writing:
                raise Canceled

    def _write(self, stage: Stage, done: int, total: int, detail: str) -> None:
        """Not to be torn by a signal: raised between BEGIN and what would roll it back, the exception would leave a
        transaction open, and the task's end could not be written."""
        self._is_writing = True
        try:
            self._tasks.progress(self._task, stage.value, done, total, detail)
        finally:
            self._is_writing = False


@contextmanager
def _signals(cancel: Callable[[], None]) -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - as signal asks
        cancel()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
