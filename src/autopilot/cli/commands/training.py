"""autopilot retrain and tasks: trainings, through the daemon or, without one, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from autopilot.cli.errors import ExitCode, TrainingFailed, UsageProblem
from autopilot.cli.forecast import training_forecast
from autopilot.cli.options import (
    Before,
    Limit,
    NoDownload,
    Since,
    Source,
    TimeframeName,
    complete_task,
    known_exchange_option,
    symbol_option,
    with_session,
)
from autopilot.cli.render.progress import progress_view
from autopilot.cli.render.training import begun_screen, canceled_screen, scheduled_screen, task_screen, tasks_screen
from autopilot.cli.session import Session, address, ask_view, recall_view, symbols_of
from autopilot.control.client import ControlClient
from autopilot.control.errors import Conflict, ControlError, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.progress import Progress
from autopilot.domain.task import TaskState
from autopilot.domain.timeframe import Timeframe

CANCEL = "cancel"
CANCEL_TIMEOUT_S = 30.0
"""A training has 10 s to end by itself."""
POLL_S = 0.3
FAILURES_ALLOWED = 3
"""Failed requests in a row after which the daemon counts as gone."""


@with_session
def retrain(
    session: Session,
    days: Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="Days of history.")] = None,
    timeframe: TimeframeName = None,
    symbol: Annotated[
        list[str] | None, symbol_option(help="Such as BTC/USD; repeatable. All symbols train one model.")
    ] = None,
    exchange: Annotated[
        str | None, known_exchange_option(help="The exchange of the candles; stored ones come first.")
    ] = None,
    source: Source = None,
    no_download: NoDownload = False,
    surrogate: Annotated[
        bool,
        typer.Option("--surrogate", help="Train on candles without their direction, as a null test; keep nothing."),
    ] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait; autopilot tasks shows the progress.")] = False,
    schedule: Annotated[
        str | None,
        typer.Option(
            "--schedule", metavar="CRON", help='Train regularly, such as "0 3 * * 0" (UTC), not now; off: never.'
        ),
    ] = None,
    task: Annotated[str | None, typer.Option("--task", hidden=True, help="The daemon's own: do this task.")] = None,
) -> int:
    """Train a new model, judge it, and promote it if the evidence permits.

    Missing options come from the configuration. With a daemon the training is a background task; without one it runs
    here, so that cron needs no daemon.
    """
    if task is not None:
        return _as_child(session, task)
    if schedule is not None:
        return _set_schedule(session, schedule)
    wanted = {
        "days": days,
        "timeframe": Timeframe.parse(timeframe).value if timeframe else None,
        "symbols": symbols_of(symbol) or None,
        "exchange": exchange,
        "source": source,
        "download": False if no_download else None,
        "surrogate": surrogate or None,
    }
    body = {name: value for name, value in wanted.items() if value is not None}
    if not surrogate:
        _say_outlook(session, body)
    forecast = training_forecast(len(symbol) if symbol else None, days)
    try:
        daemon = session.client()
        begun = daemon.post(address("retrain"), body)["task"]
    except DaemonNotRunning:
        with session.recorded("retrain", body) as row:
            with progress_view(session.output.remarks, forecast) as progress:
                ended = _train_here(session, body, progress)
            row.outcome = {name: ended[name] for name in ("id", "state")}
            return _show(session, ended)
    else:
        if detach:
            return session.show(begun, begun_screen)
        with progress_view(session.output.remarks, forecast) as progress:
            ended = _follow(daemon, begun["id"], progress)
    return _show(session, ended)


@with_session
def tasks(
    session: Session,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|cancel", autocompletion=complete_task, help="Show this task with its result or its error."
        ),
    ] = None,
    canceled: Annotated[
        str | None,
        typer.Argument(metavar="ID", autocompletion=complete_task, help="With cancel: end this training."),
    ] = None,
    limit: Limit = 20,
    since: Since = None,
    before: Before = None,
) -> int:
    """List trainings with progress and result, the latest first; cancel one with: autopilot tasks cancel ID.

    Without a daemon: from the database, and exit code 3.
    """
    if which is None:
        return session.query("tasks", tasks_screen, limit=limit, since_ms=since, before=before)
    if which == CANCEL:
        return _cancel(session, canceled)
    if canceled is not None:
        raise UsageProblem(f"unexpected argument: {canceled:.60}", hint="autopilot tasks --help")
    named = "tasks/{task_id}"
    return session.answer(
        lambda daemon: dict(ask_view(daemon, named, task_id=which)["task"]),
        lambda database: dict(recall_view(database, named, task_id=which)["task"]),
        task_screen,
    )


def _cancel(session: Session, task_id: str | None) -> int:
    """End a training, through the daemon or without one."""
    if task_id is None:
        raise UsageProblem("the id of the training is missing", hint="autopilot tasks shows the ids")
    daemon = session.client()
    try:
        _require_unfinished(ask_view(daemon, "tasks/{task_id}", task_id=task_id)["task"])
        ended = session.client(CANCEL_TIMEOUT_S).post(address("tasks", task_id, "cancel"))["task"]
    except DaemonNotRunning:
        if not session.paths.database.exists():
            raise
        ended = _cancel_here(session, task_id)
    return session.show(ended, canceled_screen, is_done=ended["state"] == TaskState.CANCELED)


def _cancel_here(session: Session, task_id: str) -> dict[str, Any]:
    """Without a daemon."""
    from autopilot.app.training.process import cancel

    def stored() -> dict[str, Any]:
        return dict(recall_view(session.paths.database, "tasks/{task_id}", task_id=task_id)["task"])

    with session.recorded("tasks cancel", {"task": task_id}):
        _require_unfinished(stored())
        cancel(session.paths, task_id)
    return stored()


def _require_unfinished(task: dict[str, Any]) -> None:
    """Raises Conflict."""
    if TaskState(task["state"]).is_final:
        raise Conflict(
            f"training {task['id']} has ended already: {task['state']}", hint=f"autopilot tasks {task['id']} shows it"
        )


def _show(session: Session, task: dict[str, Any]) -> int:
    if task["state"] == "canceled":
        session.output.remark("the training was canceled; nothing was changed")
        return ExitCode.INTERRUPTED
    if task["state"] == "failed":
        error = task["error"]
        raise TrainingFailed(
            f"the training failed: {error['message']}", hint=error["hint"] or "autopilot tasks shows the details"
        )
    return session.show(task, task_screen)


def _say_outlook(session: Session, body: dict[str, Any]) -> None:
    """Say, before anything is fetched, what the gate will need and how to get there. Raises ConfigError."""
    from autopilot.app.training.tasks import training_request
    from autopilot.control.requests import RetrainRequest, parse
    from autopilot.training.evidence.outlook import advice, prospects

    request = training_request(session.paths, parse(RetrainRequest, body))
    days, symbols = request.days, len(request.symbols)
    for words in filter(None, (prospects(days, symbols), advice(days, symbols))):
        session.output.remark(words)


def _follow(daemon: ControlClient, task_id: str, progress: Progress) -> dict[str, Any]:
    """Wait for the end of the task and return it. Ctrl-C cancels it. Raises DaemonUnreachable."""
    try:
        return _poll(lambda: daemon.get(address("tasks", task_id))["task"], progress)
    except KeyboardInterrupt:
        daemon.post(address("tasks", task_id, "cancel"), {})
        raise


def _poll(ask: Callable[[], dict[str, Any]], progress: Progress) -> dict[str, Any]:
    failures = 0
    while True:
        try:
            task = ask()
            failures = 0
        except ControlError as error:
            failures += 1
            if failures >= FAILURES_ALLOWED:
                raise DaemonUnreachable(
                    f"the daemon did not answer {failures} times in a row: {error}",
                    hint="autopilot tasks shows the last known progress",
                ) from error
        else:
            progress(task["stage"], task["done"], task["total"], task["detail"])
            if task["state"] in ("succeeded", "failed", "canceled"):
                return task
        time.sleep(POLL_S)


def _train_here(session: Session, body: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Train in this process and return the task."""
    from contextlib import closing

    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.store.database import open_database
    from autopilot.adapters.store.tasks import SqliteTasks
    from autopilot.app.training.process import new_task, perform, training_lock
    from autopilot.app.training.run import run_training
    from autopilot.app.training.tasks import training_request
    from autopilot.config.paths import create_directories
    from autopilot.control.requests import RetrainRequest, parse
    from autopilot.domain.documents import document

    create_directories(session.paths)
    with training_lock(session.paths):
        task = new_task(training_request(session.paths, parse(RetrainRequest, body)), WallClock().now_ms())
        with closing(open_database(session.paths.database)) as database:
            SqliteTasks(database).create(task)
    return dict(document(perform(session.paths, task.id, run_training, progress)))


def _as_child(session: Session, task_id: str) -> int:
    """Run a task as the daemon's child process: quietly, and at a lower priority."""
    import os

    from autopilot.app.training.process import NICE, perform
    from autopilot.app.training.run import run_training
    from autopilot.daemon.log import configure_logging

    configure_logging()
    os.nice(NICE)
    perform(session.paths, task_id, run_training)
    return ExitCode.DONE


def _set_schedule(session: Session, schedule: str) -> int:
    from autopilot.config.overrides import set_values

    wanted = "" if schedule == "off" else schedule
    with session.recorded("retrain", {"schedule": schedule}):
        set_values(session.paths, {"training.schedule": wanted})
    return session.show({"schedule": wanted or None}, scheduled_screen)
