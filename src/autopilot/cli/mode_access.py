"""Changes trading modes: through the daemon if it runs, else directly."""

from __future__ import annotations

from typing import Annotated

import typer

from autopilot.cli.completion import complete_exchange
from autopilot.cli.session import Session, address
from autopilot.control.errors import DaemonNotRunning
from autopilot.domain.document_types import Document

MODE_TIMEOUT_S = 60.0
"""A pause waits for cycles under way, then for the exchanges."""


def _lower(value: str | None) -> str | None:
    if value is not None and not (value.isidentifier() and value == value.lower()):
        raise typer.BadParameter(f"{value!r} is not an exchange: write a name in lower case such as kraken")
    return value


Exchange = Annotated[
    str | None,
    typer.Option(
        "--exchange",
        metavar="NAME",
        callback=_lower,
        autocompletion=complete_exchange,
        help="Only accounts on this exchange. Default: every account.",
    ),
]


def set_mode(session: Session, command: str, exchange: str | None) -> Document:
    """``command``: pause or resume. Raises AutopilotError."""
    try:
        return session.client(MODE_TIMEOUT_S).post(address(command), {"exchange": exchange})
    except DaemonNotRunning:
        import asyncio

        from autopilot.app.trading import without_daemon as alone
        from autopilot.cli.unlocking import keys_of

        do = alone.pause if command == "pause" else alone.resume
        return asyncio.run(do(session.paths, exchange, keys_of(session)))
