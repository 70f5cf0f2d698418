"""autopilot parity: a recorded period run again, and every decision that differs."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.options import AsJson
from autopilot.cli.render.parity import parity_screen
from autopilot.cli.render.progress import progress_view
from autopilot.cli.session import Session


def parity(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=99_999, metavar="N", help="Compare the last N days.")] = 1,
    as_json: AsJson = False,
) -> int:
    """Decide a recorded period again, and list every decision that differs.

    It uses the stored candles and models. Exit code 1 when a decision differs.
    """
    from autopilot.app.parity import parity as compared
    from autopilot.config.load import load
    from autopilot.control.errors import DaemonNotRunning

    session = Session.of(context, as_json)
    if not session.paths.database.exists():
        raise DaemonNotRunning("nothing was recorded here yet", hint="autopilot start --symbol BTC/USD")
    with progress_view(session.output.remarks) as progress:
        found = compared(session.paths, load(session.paths).config, days, progress)
    session.output.show(found, parity_screen(found))
    return ExitCode.FAILED if found["differences"] else ExitCode.DONE
