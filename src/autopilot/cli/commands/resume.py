"""autopilot resume: trade as before."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.exit_codes import ExitCode
from autopilot.cli.mode_access import MODE_TIMEOUT_S, Exchange, set_mode
from autopilot.cli.options import AsJson
from autopilot.cli.render.trading import resumed_screen
from autopilot.cli.session import Session, address

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def resume(
    context: typer.Context,
    exchange: Exchange = None,
    write_off: Annotated[
        bool, typer.Option("--write-off", help="Let the books forget what the account does not own any more.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """End a pause or a panic, and trade on with books that differ as they are. Works with a daemon and without one.

    What somebody sold or withdrew past Autopilot stays in the books, until --write-off takes it out of them: what a
    running daemon found missing at its last comparison. Exit code 1 when some of it could not be.
    """
    session = Session.of(context, as_json)
    if not write_off:
        document = set_mode(session, "resume", exchange)
    else:
        document = session.client(MODE_TIMEOUT_S).post(address("resume"), {"exchange": exchange, "write_off": True})
    session.output.show(document, resumed_screen(document))
    return ExitCode.DONE if document.get("complete", True) else ExitCode.FAILED
