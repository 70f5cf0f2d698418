"""autopilot db: the database, for people who write SQL."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.options import command_group, with_session
from autopilot.cli.render.database import query_screen, size_screen
from autopilot.cli.session import Session

app = command_group(help="Show the size of the database, and query it with SQL.")


@app.command()
@with_session
def size(session: Session) -> None:
    """Show how much is stored, and how far rows of an earlier version have been made compact."""
    from autopilot.adapters.store.views.storage import storage

    session.require_history()
    session.show(storage(session.paths.database), size_screen)


@app.command()
@with_session
def query(
    session: Session,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT statement of SQLite.")],
    limit: Annotated[int, typer.Option("--limit", min=1, max=100_000, metavar="N", help="At most N rows.")] = 100,
) -> None:
    """Show the rows of an SQL query. It works with and without a daemon, and changes nothing.

    decision_document(document) gives a decision, and sample_returns(returns, strategies) the returns of a sample, as
    JSON: both are stored in a compact form.
    """
    from autopilot.adapters.store.views.sql import queried

    session.require_history()
    session.show(queried(session.paths.database, sql, limit), query_screen)
