"""Trainings of the daemon: each in its own watched process, on request or by schedule."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from autopilot.adapters.exchange.ccxt_import import lending_exchange, require_exchange
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.views import queries
from autopilot.app.program import PROGRAM
from autopilot.app.training.process import CANCEL_LIMIT_S, cancel, died, fail_abandoned, new_task
from autopilot.config.load import load
from autopilot.config.overrides import set_values
from autopilot.config.paths import Paths
from autopilot.control.errors import Conflict
from autopilot.control.requests import BootstrapRequest, RetrainRequest, parse
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import AutopilotError
from autopilot.domain.task import TaskState
from autopilot.ports.clock import Clock
from autopilot.training.request import TrainingRequest

log = logging.getLogger(__name__)


class TrainingTasks:
    """At most one training at a time. ``trained`` is awaited after every successful training."""

    def __init__(
        self,
        paths: Paths,
        store: SqliteTasks,
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
        self._is_ending = False
        self._beginning = asyncio.Lock()

    def open(self) -> None:
        """Mark the unfinished tasks of an earlier daemon as failed. Raises StoreError, ConfigError."""
        fail_abandoned(self._paths, self._store, self._clock.now_ms())

    async def start(self, request: RetrainRequest) -> Document:
        """Begin a training and return its task. Raises Conflict if a training is running, ConfigError, StoreError."""
        async with self._beginning:
            return await self._begin(request)

    async def _begin(self, request: RetrainRequest) -> Document:
        if self._child is None:
            fail_abandoned(self._paths, self._store, self._clock.now_ms())
        running = self._store.unfinished()
        if running:
            raise Conflict(
                f"training {running[0].id} is running", hint=f"autopilot tasks {running[0].id} shows its progress"
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

    async def start_by_itself(self) -> None:
        """Begin a training for the schedule. An error is only logged."""
        await self._begin_quietly(RetrainRequest())

    async def start_again(self, card: Document) -> None:
        """Begin a training like that of this card, whose model has lost its skill. An error is only logged."""
        request = parse(RetrainRequest, {name: card.get(name) for name in ("exchange", "timeframe", "symbols", "days")})
        await self._begin_quietly(request)

    async def _begin_quietly(self, request: RetrainRequest) -> None:
        try:
            await self.start(request)
        except AutopilotError as error:
            log.warning("no training was begun: %s", error)

    def task(self, task_name: str) -> Document:
        """``{"task": …}``. Raises NotFound."""
        return queries.task(self._paths.database, task_name)

    async def cancel(self, task_name: str) -> Document:
        """End the task unless it has ended, also if another process than ours trains. Raises NotFound."""
        task = self._store.load(task_name)
        if not task.state.is_final:
            if self._child is not None and task.pid in (None, self._child.pid):
                await self.close()
            else:
                await asyncio.to_thread(cancel, self._paths, task_name)
        return self.task(task_name)

    def bootstrap_config(self) -> Document:
        """The settings of the next training."""
        training = load(self._paths).config.training
        return {
            "days": training.days,
            "timeframe": training.timeframe.value,
            "min_samples_per_strategy": training.min_samples_per_strategy,
            "symbols": list(training.symbols),
        }

    def configure(self, request: BootstrapRequest) -> Document:
        """Store the given settings for the next training. Raises ConfigError, in which case nothing changes."""
        given = {name: value for name, value in document(request).items() if value is not None}
        set_values(self._paths, {f"training.{name}": value for name, value in given.items()})
        return self.bootstrap_config()

    async def _await_end(self, child: asyncio.subprocess.Process, task_name: str) -> None:
        code = await child.wait()
        if self._is_ending or code == -signal.SIGTERM:
            self._store.finish(task_name, TaskState.CANCELED, self._clock.now_ms())
        self._store.finish(task_name, TaskState.FAILED, self._clock.now_ms(), error=died(_fate(code)))
        self._child = None
        self._is_ending = False
        if self._store.load(task_name).state is TaskState.SUCCEEDED:
            await self._trained()

    async def close(self) -> None:
        """Cancel the running training, if any: its partial work is of no use."""
        child, watch = self._child, self._watch
        if child is None or watch is None:
            return
        self._is_ending = True
        with suppress(ProcessLookupError):
            child.terminate()
        try:
            await asyncio.wait_for(asyncio.shield(watch), CANCEL_LIMIT_S)
        except TimeoutError:
            child.kill()
            await watch


def training_request(paths: Paths, request: RetrainRequest) -> TrainingRequest:
    """The request, with missing values from the configuration. Raises ConfigError, UnknownExchange."""
    config = load(paths).config
    exchange = request.exchange or config.exchange
    require_exchange(exchange)
    return TrainingRequest(
        exchange=exchange,
        symbols=request.symbols or config.training.symbols,
        timeframe=request.timeframe or config.training.timeframe,
        days=request.days or config.training.days,
        min_samples_per_strategy=config.training.min_samples_per_strategy,
        seed=config.training.seed,
        surrogate=request.surrogate,
        source=lending_exchange(request.source, exchange) or config.data.history_exchange,
        download=request.download,
    )


def _fate(code: int) -> str:
    if code >= 0:
        return f"its process ended with exit code {code} and no error message; the daemon's log may say more"
    name = signal.Signals(-code).name
    memory = "; the system may have run out of memory" if -code == signal.SIGKILL else ""
    return f"its process was killed by {name}{memory}"
