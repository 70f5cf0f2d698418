"""autopilot pause: buy nothing more."""

from __future__ import annotations

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.mode_access import Exchange, set_mode
from autopilot.cli.options import AsJson
from autopilot.cli.render.trading import paused_screen
from autopilot.cli.session import Session


def pause(context: typer.Context, exchange: Exchange = None, as_json: AsJson = False) -> int:
    """Stop buying, and cancel waiting entry orders; open positions are managed as before.

    The pause lasts until autopilot resume, also across restarts. It works with and without a daemon.
    """
    session = Session.of(context, as_json)
    document = set_mode(session, "pause", exchange)
    session.output.show(document, paused_screen(document))
    return ExitCode.DONE if document["complete"] else ExitCode.FAILED
