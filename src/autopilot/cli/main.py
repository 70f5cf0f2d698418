"""The command `autopilot`: runs a command, and turns its errors into messages and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from autopilot.cli.errors import ExitCode, exit_code
from autopilot.cli.output import Output, ReaderGone
from autopilot.cli.status_query import quick_status
from autopilot.domain.errors import AutopilotError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        return _run(given)
    except ReaderGone:
        return ExitCode.DONE
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED


def _run(arguments: list[str]) -> int:
    try:
        code = quick_status(arguments)
        if code is None:
            from autopilot.cli.app import run_command

            code = run_command(arguments)
    except AutopilotError as error:
        Output.standard(as_json="--json" in arguments).failure(error)
        return exit_code(error)
    return code
