"""autopilot performance, report and parity: what the recorded decisions came to, and whether they repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.options import OneSymbol, OnlyDays, with_session
from autopilot.cli.render.progress import progress_view
from autopilot.cli.render.reports import parity_screen, performance_screen
from autopilot.cli.session import Session, address
from autopilot.domain.document_types import Document


@with_session
def performance(session: Session, symbol: OneSymbol = None, days: OnlyDays = None) -> int:
    """Compare the selector on paper with each strategy, the rule table, buy and hold, and cash.

    Without a daemon: computed from the database, and exit code 3.
    """

    def recall(database: Path) -> Document:
        from autopilot.app.report.performance import performance_report

        return performance_report(database, session.config.min_confidence_threshold, symbol, days)

    path = address("performance", symbol=symbol, days=days)
    return session.answer(lambda daemon: daemon.get(path), recall, performance_screen)


@with_session
def report(
    session: Session,
    days: OnlyDays = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page.")] = None,
) -> None:
    """Report the result of the account that decided last, beside buy and hold and cash. Needs no daemon."""
    from autopilot.app.report.period import period_report
    from autopilot.cli.render.backtest import report_screen

    session.require_history()
    period = period_report(session.paths, session.config, days)
    if html:
        session.output.save_page(html, period.page())
    session.show(period.document, report_screen)


@with_session
def parity(
    session: Session,
    days: Annotated[int, typer.Option("--days", min=1, max=99_999, metavar="N", help="Compare the last N days.")] = 1,
) -> int:
    """Decide a recorded period again, and list every decision that differs.

    It uses the stored candles and models. Exit code 1 when a decision differs.
    """
    from autopilot.app.parity import parity as compare

    session.require_history()
    with progress_view(session.output.remarks) as progress:
        document = compare(session.paths, session.config, days, progress)
    return session.show(document, parity_screen, is_done=not document["differences"])
