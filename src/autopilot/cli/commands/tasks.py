"""autopilot tasks: what works in the background, or did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.completion import complete_task
from autopilot.cli.options import AsJson
from autopilot.cli.render.training import task_screen, tasks_screen
from autopilot.cli.session import Session, address
from autopilot.control.client import ControlClient
from autopilot.domain.document_types import Document

SHOWN = 50


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

    def recall(database: Path) -> Document:
        from autopilot.adapters.store.views import learning as learning_queries

        return learning_queries.task(database, which) if which else learning_queries.tasks(database, SHOWN)

    def ask(daemon: ControlClient) -> Document:
        found = daemon.get(address("tasks", which) if which else address("tasks"))
        return dict(found["task"]) if which else found

    return Session.of(context, as_json).answer(ask, recall, task_screen if which else tasks_screen)
