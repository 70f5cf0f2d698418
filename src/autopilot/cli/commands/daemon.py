"""autopilot daemon: the process itself, in the foreground."""

from __future__ import annotations

import typer

from autopilot.cli.session import Session


def daemon(context: typer.Context) -> int:
    """Run the daemon in the foreground, for systemd; people use autopilot start.

    It ends with SIGTERM, SIGINT or autopilot stop.
    """
    from autopilot.daemon.wiring import serve

    return serve(Session.of(context, as_json=False).paths)
