"""autopilot resume: trade as before."""

from __future__ import annotations

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.mode_access import Exchange, changed
from autopilot.cli.options import AsJson
from autopilot.cli.render.trading import resumed_screen
from autopilot.cli.session import Session

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def resume(context: typer.Context, exchange: Exchange = None, as_json: AsJson = False) -> int:
    """End a pause or a panic, and accept books that differ as they are. Works with a daemon and without one."""
    session = Session.of(context, as_json)
    document = changed(session, "resume", exchange)
    session.output.show(document, resumed_screen(document))
    return ExitCode.DONE
