"""One training as a task, which holds the lock of its data directory and stores its progress and its end."""

from __future__ import annotations

import logging
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType

from pydantic import TypeAdapter, ValidationError

from autopilot.adapters.clock import WallClock
from autopilot.adapters.lock import hold_lock, holder
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.views import queries
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import AutopilotError, Kind, StoreCorrupt, StoreError
from autopilot.domain.progress import Progress
from autopilot.domain.task import Task, TaskState, task_id
from autopilot.training.request import Stage, TrainingRequest

KIND = "retrain"
REPORT_EVERY_S = 0.2
CANCEL_LIMIT_S = 10.0
"""How long a training may take to end after a termination signal."""
CANCEL_POLL_S = 0.1
NICE = 10
"""The niceness of a training that a daemon started: its own cycles come first."""

Train = Callable[[Paths, AutopilotConfig, TrainingRequest, Progress], Document]

log = logging.getLogger(__name__)


class TrainingRuns(AutopilotError):
    """Another training holds the lock of the data directory."""

    kind = Kind.BLOCKED


class TrainingDied(AutopilotError):
    """The process of a training ended without a word."""


class Canceled(BaseException):
    """The training was canceled. This is no error."""


def new_task(request: TrainingRequest, now_ms: int) -> Task:
    """A task that has not begun."""
    return Task(
        id=task_id(now_ms, os.urandom(2)),
        kind=KIND,
        state=TaskState.PENDING,
        created_at_ms=now_ms,
        request=document(request),
    )


def request_of(task: Task) -> TrainingRequest:
    """The request of a stored task, also of an earlier version's. Raises StoreCorrupt."""
    try:
        return TypeAdapter(TrainingRequest).validate_python(task.request)
    except ValidationError as error:
        raise StoreCorrupt("the database holds an unreadable training request", hint="restore a backup") from error


@contextmanager
def training_lock(paths: Paths) -> Iterator[None]:
    """Hold the lock that allows one training at a time on a data directory. Raises TrainingRuns, ConfigError."""

    def busy(pid: int | None) -> TrainingRuns:
        name = _task_of(paths, pid)
        return TrainingRuns(
            f"training {name or 'of another command'}{f' (process {pid})' if pid else ''} is already running on"
            f" {paths.data_dir}",
            hint=f"autopilot tasks{f' {name}' if name else ''} shows its progress",
        )

    with hold_lock(_lock_file(paths), busy):
        yield


def fail_abandoned(paths: Paths, tasks: SqliteTasks, now_ms: int) -> None:
    """Mark unfinished tasks as failed if no training runs: their processes are gone. Do not call this between the start
    of a training process and the moment at which it takes its lock. Raises StoreError, ConfigError."""
    if tasks.unfinished():
        with suppress(TrainingRuns), training_lock(paths):
            _fail(tasks, tasks.unfinished(), now_ms)


def cancel(paths: Paths, task_name: str) -> None:
    """End an unfinished task, whoever runs it, and return when it has ended. A model that is being registered is
    registered first, as in `perform`. Raises NotFound, StoreError, ConfigError."""
    is_asked, deadline = False, time.monotonic() + CANCEL_LIMIT_S
    with closing(open_database(paths.database)) as database:
        tasks = SqliteTasks(database)
        while not (task := tasks.load(task_name)).state.is_final:
            owner = holder(_lock_file(paths))
            if owner is None or owner != task.pid:
                # Its process is gone, or has not begun: then it looks at the task's state first.
                tasks.finish(task_name, TaskState.CANCELED, WallClock().now_ms())
                return
            with suppress(ProcessLookupError):
                if not is_asked:
                    os.kill(owner, signal.SIGTERM)
                elif time.monotonic() > deadline:
                    os.kill(owner, signal.SIGKILL)
            is_asked = True
            time.sleep(CANCEL_POLL_S)


def _lock_file(paths: Paths) -> Path:
    return paths.data_dir / "training.lock"


def perform(paths: Paths, task_name: str, train: Train, watcher: Progress | None = None) -> Task:
    """Run the task, store its result, and return it in its final state. ``watcher`` gets the progress too.

    Raises StoreError, TrainingRuns, and NotFound if the task does not exist. An error of the training itself is stored
    in the task. SIGTERM and SIGINT cancel the task until its model is about to be registered.
    """
    with closing(open_database(paths.database)) as database:
        tasks = SqliteTasks(database)
        task = tasks.load(task_name)
        try:
            with training_lock(paths):
                # Whoever holds the lock knows that no other training is running.
                others = [one for one in tasks.unfinished() if one.id != task.id and one.state is TaskState.RUNNING]
                _fail(tasks, others, WallClock().now_ms())
                tasks.begin(task.id, os.getpid(), WallClock().now_ms())
                if not tasks.load(task.id).state.is_final:
                    _train(paths, task, train, tasks, watcher)
        except (Canceled, KeyboardInterrupt):
            tasks.finish(task.id, TaskState.CANCELED, WallClock().now_ms())
        except Exception as error:
            if not isinstance(error, AutopilotError):
                log.exception("the training failed")
            tasks.finish(task.id, TaskState.FAILED, WallClock().now_ms(), error=task_error(error))
            if isinstance(error, TrainingRuns):
                raise
        return tasks.load(task.id)


def _train(paths: Paths, task: Task, train: Train, tasks: SqliteTasks, watcher: Progress | None) -> None:
    progress = _TaskProgress(tasks, task.id, watcher)
    with _signals(progress.cancel):
        try:
            result = train(paths, load(paths).config, request_of(task), progress)
        except Exception as error:
            if progress.is_canceled:
                # A library may have turned the interruption into an exception of its own.
                raise Canceled from error
            raise
        tasks.finish(task.id, TaskState.SUCCEEDED, WallClock().now_ms(), result=result)


def _fail(tasks: SqliteTasks, gone: Sequence[Task], now_ms: int) -> None:
    for task in gone:
        tasks.finish(task.id, TaskState.FAILED, now_ms, error=died("its process ended without an error message"))


def _task_of(paths: Paths, pid: int | None) -> str | None:
    """The id of the task that process ``pid`` runs; None if unknown, for example just after it took the lock."""
    with suppress(StoreError):
        for task in queries.tasks(paths.database)["tasks"]:
            if task["pid"] == pid and task["state"] == TaskState.RUNNING:
                return str(task["id"])
    return None


def died(message: str) -> Document:
    """The error of a task whose process ended without storing an error."""
    return task_error(TrainingDied(message, hint="run autopilot retrain again"))


def task_error(error: Exception) -> Document:
    """The error as a task stores it; with its traceback if it is a bug."""
    if isinstance(error, AutopilotError):
        return {**error.document(), "type": type(error).__name__, "traceback": ""}
    return {
        "code": "INTERNAL_ERROR",
        "kind": Kind.FAILED,
        "message": f"an internal error ({type(error).__name__}), which is a bug",
        "hint": "please report it with its details: autopilot tasks ID --json",
        "type": type(error).__name__,
        "traceback": "".join(traceback.format_exception(error)),
    }


class _TaskProgress:
    """A Progress that stores a few reports a second, and the start and end of every stage."""

    def __init__(self, tasks: SqliteTasks, task_name: str, watcher: Progress | None) -> None:
        self._tasks = tasks
        self._task = task_name
        self._watcher = watcher
        self._stage = ""
        self._written_s = 0.0
        self.is_canceled = False
        self._is_writing = False

    def __call__(self, stage: str, done: int, total: int, detail: str = "") -> None:
        now_s = time.monotonic()
        is_due = stage != self._stage or now_s - self._written_s >= REPORT_EVERY_S or done == total
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
        """End the training now, unless its model is already being registered: that takes a moment, and a canceled task
        claims that nothing was changed."""
        if self._stage != Stage.PROMOTION:
            self.is_canceled = True
            if not self._is_writing:
                raise Canceled

    def _write(self, stage: str, done: int, total: int, detail: str) -> None:
        """No signal may interrupt this: an exception between BEGIN and the code that rolls back would leave the
        transaction open, and the task's end could not be stored."""
        self._is_writing = True
        try:
            self._tasks.progress(self._task, str(stage), done, total, detail)
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
