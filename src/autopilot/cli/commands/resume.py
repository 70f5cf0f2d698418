"""autopilot resume: trade as before."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.mode_access import MODE_TIMEOUT_S, Exchange, set_mode
from autopilot.cli.options import AsJson
from autopilot.cli.render.trading import resumed_screen
from autopilot.cli.session import Session, address


def resume(
    context: typer.Context,
    exchange: Exchange = None,
    write_off: Annotated[
        bool, typer.Option("--write-off", help="Remove from the books what the account no longer owns.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """End a pause or a panic.

    Trading goes on even if the books differ from the exchange's. Coins that were sold or withdrawn outside Autopilot
    stay in the books until --write-off removes them: those that a running daemon found missing at its last comparison.
    Exit code 1 when some could not be removed. Without --write-off it works with and without a daemon.
    """
    session = Session.of(context, as_json)
    if not write_off:
        document = set_mode(session, "resume", exchange)
    else:
        document = session.client(MODE_TIMEOUT_S).post(address("resume"), {"exchange": exchange, "write_off": True})
    session.output.show(document, resumed_screen(document))
    return ExitCode.DONE if document.get("complete", True) else ExitCode.FAILED
