"""autopilot performance: the selector's choices compared with the alternatives."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.options import AsJson, OneSymbol
from autopilot.cli.render.performance import performance_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document


def performance(
    context: typer.Context,
    symbol: OneSymbol = None,
    days: Annotated[
        int | None, typer.Option("--days", metavar="N", min=1, max=99_999, help="Only the last N days.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Compare the selector on paper with each strategy, the rule table, buy and hold, and cash.

    Without a daemon: computed from the database, and exit code 3.
    """
    session = Session.of(context, as_json)

    def recall(database: Path) -> Document:
        from autopilot.app.report.performance import performance_report
        from autopilot.config.load import load

        threshold = load(session.paths).config.min_confidence_threshold
        return performance_report(database, threshold, symbol, days)

    asked = address("performance", symbol=symbol, days=days)
    return session.answer(lambda daemon: daemon.get(asked), recall, performance_screen)
