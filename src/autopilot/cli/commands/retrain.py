"""autopilot retrain: train the model anew, through the daemon or, where none runs, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from autopilot.cli.completion import complete_exchange, complete_symbol
from autopilot.cli.errors import TrainingFailed
from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson, TimeframeName
from autopilot.cli.render.training import ProgressLine, begun_screen, scheduled_screen, task_screen
from autopilot.cli.session import Session, address
from autopilot.cli.symbols import symbol_of
from autopilot.control.client import ControlClient
from autopilot.control.errors import ControlError, DaemonNotRunning, DaemonUnreachable
from autopilot.domain.timeframe import Timeframe

POLL_S = 0.3
FAILURES_ALLOWED = 3
"""In a row; then the daemon is taken for gone."""


def retrain(
    context: typer.Context,
    days: Annotated[int | None, typer.Option("--days", min=1, metavar="N", help="Days of history.")] = None,
    timeframe: TimeframeName = None,
    symbol: Annotated[
        list[str] | None,
        typer.Option(
            "--symbol",
            metavar="SYMBOL",
            autocompletion=complete_symbol,
            help="Such as BTC/USD; repeatable. All symbols train one model.",
        ),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(
            "--exchange",
            metavar="NAME",
            autocompletion=complete_exchange,
            help="The exchange of the candles; stored ones come first.",
        ),
    ] = None,
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
    as_json: AsJson = False,
) -> int:
    """Train a new model, judge it, and promote it if the evidence permits.

    Missing options come from the configuration. With a daemon the training is a background task; without one it runs
    here, so that cron needs no daemon.
    """
    session = Session.of(context, as_json)
    if task is not None:
        return _as_child(session, task)
    if schedule is not None:
        return _set_schedule(session, schedule)
    wanted = {
        "days": days,
        "timeframe": Timeframe.parse(timeframe).value if timeframe else None,
        "symbols": [symbol_of(each) for each in symbol or ()] or None,
        "exchange": exchange,
        "surrogate": surrogate or None,
    }
    body = {name: value for name, value in wanted.items() if value is not None}
    progress = ProgressLine(session.output.remarks)
    try:
        daemon = session.client()
        begun = daemon.post(address("retrain"), body)["task"]
    except DaemonNotRunning:
        ended = _here(session, body, progress)
    else:
        if detach:
            session.output.show(begun, begun_screen(begun))
            return ExitCode.DONE
        ended = _followed(daemon, begun["id"], progress)
    return _told(session, ended)


def _told(session: Session, task: dict[str, Any]) -> int:
    if task["state"] == "canceled":
        session.output.remark("the training was canceled; nothing was changed")
        return ExitCode.INTERRUPTED
    if task["state"] == "failed":
        error = task["error"]
        raise TrainingFailed(
            f"the training failed: {error['message']}", hint=error["hint"] or "autopilot tasks has more"
        )
    session.output.show(task, task_screen(task))
    return ExitCode.DONE


def _followed(daemon: ControlClient, task_id: str, progress: ProgressLine) -> dict[str, Any]:
    """The task when it has ended. Ctrl-C cancels it. Raises DaemonUnreachable after three failures in a row."""
    try:
        return _poll(lambda: daemon.get(address("tasks", task_id))["task"], progress)
    except KeyboardInterrupt:
        progress.close()
        daemon.post(address("tasks", task_id, "cancel"), {})
        raise


def _poll(ask: Callable[[], dict[str, Any]], progress: ProgressLine) -> dict[str, Any]:
    failures = 0
    while True:
        try:
            task = ask()
            failures = 0
        except ControlError as error:
            failures += 1
            if failures >= FAILURES_ALLOWED:
                progress.close()
                raise DaemonUnreachable(
                    f"the daemon did not tell of the training {failures} times in a row: {error}",
                    hint="autopilot tasks shows what is known of it",
                ) from error
        else:
            progress.show(task["stage"], task["done"], task["total"], task["detail"])
            if task["state"] in ("succeeded", "failed", "canceled"):
                progress.close()
                return task
        time.sleep(POLL_S)


def _here(session: Session, body: dict[str, Any], progress: ProgressLine) -> dict[str, Any]:
    """Train in this process."""
    from contextlib import closing

    from autopilot.adapters.clock import WallClock
    from autopilot.adapters.store.database import open_database
    from autopilot.adapters.store.tasks import SqliteTasks
    from autopilot.app.training.process import new_task, perform, training_lock
    from autopilot.app.training.run import run_training
    from autopilot.app.training.tasks import training_request
    from autopilot.config.paths import create_directories
    from autopilot.control.requests import RetrainRequest
    from autopilot.domain.documents import document
    from autopilot.training.request import Stage

    def watch(stage: Stage, done: int, total: int, detail: str = "") -> None:
        progress.show(stage.value, done, total, detail)

    create_directories(session.paths)
    with training_lock(session.paths):
        task = new_task(training_request(session.paths, RetrainRequest.parse(body)), WallClock().now_ms())
        with closing(open_database(session.paths.database)) as database:
            SqliteTasks(database).create(task)
    try:
        return dict(document(perform(session.paths, task.id, run_training, watch)))
    finally:
        progress.close()


def _as_child(session: Session, task_id: str) -> int:
    """The daemon's child: quiet, and kind to the daemon."""
    import os

    from autopilot.app.training.process import KINDNESS, perform
    from autopilot.app.training.run import run_training
    from autopilot.daemon.log import configure_logging

    configure_logging()
    os.nice(KINDNESS)
    perform(session.paths, task_id, run_training)
    return ExitCode.DONE


def _set_schedule(session: Session, schedule: str) -> int:
    from autopilot.app.training.schedule import cron_trigger
    from autopilot.config.overrides import set_values

    wanted = "" if schedule == "off" else schedule
    if wanted:
        cron_trigger(wanted)
    set_values(session.paths, {"training.schedule": wanted})
    document = {"schedule": wanted or None}
    session.output.show(document, scheduled_screen(document))
    return ExitCode.DONE
