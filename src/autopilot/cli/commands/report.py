"""autopilot report: the result of an account, in the figures of a backtest."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.output import replace_text
from autopilot.cli.render.backtest import report_screen
from autopilot.cli.session import Session


def report(
    context: typer.Context,
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=99_999, metavar="N", help="Only the last N days.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write an HTML page.")] = None,
    as_json: AsJson = False,
) -> int:
    """Report the result of the account that decided last, beside buy and hold and cash. Needs no daemon."""
    from autopilot.app.report.period import period_report
    from autopilot.config.load import load
    from autopilot.control.errors import DaemonNotRunning

    session = Session.of(context, as_json)
    if not session.paths.database.exists():
        raise DaemonNotRunning("nothing was recorded here yet", hint="autopilot start --symbol BTC/USD")
    found = period_report(session.paths, load(session.paths).config, days)
    if html:
        replace_text(html, found.page())
        session.output.remark(f"the report is in {html}")
    session.output.show(found.document, report_screen(found.document))
    return ExitCode.DONE
