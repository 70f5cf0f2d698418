"""autopilot tasks: background tasks."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_task
from autopilot.cli.options import AsJson
from autopilot.cli.render.training import task_screen, tasks_screen
from autopilot.cli.session import Session, ask_view, recall_view


def tasks(
    context: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(metavar="ID", autocompletion=complete_task, help="Show this task with its result or error."),
    ] = None,
    as_json: AsJson = False,
) -> int:
    """List trainings with progress and result, the latest first.

    Without a daemon: from the database, and exit code 3.
    """
    session = Session.of(context, as_json)
    if which is None:
        return session.query("tasks", tasks_screen)
    named = "tasks/{task_id}"
    return session.answer(
        lambda daemon: dict(ask_view(daemon, named, task_id=which)["task"]),
        lambda database: dict(recall_view(database, named, task_id=which)["task"]),
        task_screen,
    )
