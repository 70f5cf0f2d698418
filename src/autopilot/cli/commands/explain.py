"""autopilot explain: why it traded, or why it did not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import typer

from autopilot.cli.completion import complete_decision
from autopilot.cli.errors import NothingDecided
from autopilot.cli.options import with_session
from autopilot.cli.render.explain import explain_screen
from autopilot.cli.session import Session, ask_view, recall_view
from autopilot.cli.symbols import symbol_of
from autopilot.domain.document_types import Document


@with_session
def explain(
    session: Session,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="SYMBOL|ID",
            autocompletion=complete_decision,
            help="A symbol, for its latest decision, or a decision's id. Default: the latest of all.",
        ),
    ] = None,
) -> int:
    """Explain a decision: all its numbers, and what would have changed it.

    Without a daemon: from the database, and exit code 3.
    """
    wanted = symbol_of(which) if which and not which.isalnum() else which

    def find(read: Callable[..., Document]) -> Document:
        """``read``: gives a view by its name and parameters."""
        return read("decisions/{ref}", ref=wanted or _latest(read("decisions", limit=1)))

    return session.answer(
        lambda daemon: find(partial(ask_view, daemon)),
        lambda database: find(partial(recall_view, database)),
        explain_screen,
    )


def _latest(listed: Document) -> str:
    if not listed["decisions"]:
        raise NothingDecided(
            "nothing has been decided yet", hint="autopilot status; a decision is made when a candle closes"
        )
    return str(listed["decisions"][0]["id"])
