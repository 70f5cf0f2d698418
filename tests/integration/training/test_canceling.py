"""Whenever the word to end comes, a training ends as canceled and not as failed."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.app.compute import MIN_PARALLEL_CANDLES, compute
from autopilot.app.training.process import Canceled, Train, new_task, perform
from autopilot.cli.render.layout import plain
from autopilot.cli.render.training import task_screen
from autopilot.config.paths import Paths, create_directories, find_paths
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.errors import ModelError
from autopilot.domain.progress import Progress
from autopilot.domain.task import Task, TaskState
from autopilot.domain.timeframe import Timeframe
from autopilot.training.request import Stage, TrainingRequest

REQUEST = TrainingRequest("simulated", ("BTC/USD",), Timeframe.H1, 60, 30, 0, False)


@pytest.fixture
def train_as(tmp_path: Path) -> Callable[[Train], Task]:
    paths = find_paths(data_dir=tmp_path)
    create_directories(paths)

    def run(train: Train) -> Task:
        with closing(open_database(paths.database)) as database:
            task = new_task(REQUEST, time.time_ns() // 1_000_000)
            SqliteTasks(database).create(task)
        return perform(paths, task.id, train)

    return run


@pytest.mark.parametrize(
    ("error", "message", "is_traced"),
    [(ModelError("too few", hint="more"), "too few", False), (KeyError("x"), "an internal error (KeyError)", True)],
)
def test_only_a_bug_is_stored_with_its_traceback(
    train_as: Callable[[Train], Task], error: Exception, message: str, is_traced: bool
) -> None:
    def fail(*_: object) -> Any:
        raise error

    task = train_as(fail)
    assert task.error is not None
    assert message in task.error["message"]
    assert ("Traceback" in task.error["traceback"]) == is_traced
    assert "Traceback" not in plain(task_screen(document(task)))


class SignalAtCall:
    """SIGTERM when the ``number``-th call of a built-in function returns, where Python looks for signals."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, frame: Any, event: str, called: Any) -> None:
        if event == "c_return":
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGTERM)


def test_wherever_in_a_report_the_signal_comes(train_as: Callable[[Train], Task]) -> None:
    for number in range(1, 1_000):
        signal_at = SignalAtCall(number)

        def train(
            paths: Paths,
            config: AutopilotConfig,
            request: TrainingRequest,
            report: Progress,
            signal_at: SignalAtCall = signal_at,
        ) -> Document:
            sys.setprofile(signal_at)
            try:
                report(Stage.SAMPLES, 0, 2)
            finally:
                sys.setprofile(None)
            if signal_at.left > 0:
                return {}
            report(Stage.SAMPLES, 1, 2)
            raise AssertionError("not to be reached")

        task = train_as(train)
        if task.state is TaskState.SUCCEEDED:
            assert number > 10
            return
        assert (task.state, task.error) == (TaskState.CANCELED, None), number
    raise AssertionError("a report has an end")


def test_what_a_library_makes_of_the_interruption_is_no_failure(train_as: Callable[[Train], Task]) -> None:
    def train(paths: Paths, config: AutopilotConfig, request: TrainingRequest, report: Progress) -> Document:
        report(Stage.SAMPLES, 0, 1)
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except Canceled:
            raise ValueError("something went wrong in a callback") from None
        return {}

    assert train_as(train).state is TaskState.CANCELED


def test_an_error_of_its_own_is_a_failure(train_as: Callable[[Train], Task]) -> None:
    def train(paths: Paths, config: AutopilotConfig, request: TrainingRequest, report: Progress) -> Document:
        report(Stage.SAMPLES, 0, 1)
        raise ValueError("no such column")

    task = train_as(train)
    assert task.state is TaskState.FAILED
    assert task.error
    assert task.error["type"] == "ValueError"
    assert "no such column" in task.error["traceback"]


def test_once_the_model_is_being_kept_it_ends_by_itself(train_as: Callable[[Train], Task]) -> None:
    def train(paths: Paths, config: AutopilotConfig, request: TrainingRequest, report: Progress) -> Document:
        report(Stage.PROMOTION, 0, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        report(Stage.PROMOTION, 1, 1)
        return {"model_id": "kept"}

    task = train_as(train)
    assert (task.state, task.result) == (TaskState.SUCCEEDED, {"model_id": "kept"})


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="one processor works in this process")
def test_nobody_waits_for_the_work_of_a_canceled_training() -> None:
    def canceled() -> Future[None]:
        with suppress(Canceled), compute(None, MIN_PARALLEL_CANDLES) as executor:
            assert executor.submit(os.getpid).result() != os.getpid()
            long = executor.submit(time.sleep, 60)
            while not long.running():
                os.sched_yield()
            raise Canceled
        return long

    assert isinstance(canceled().exception(), BrokenProcessPool)
