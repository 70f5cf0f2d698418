"""The command `autopilot`: runs a command, and turns its errors into messages and an exit code."""

from __future__ import annotations

import sys

from autopilot.cli.errors import ExitCode, exit_code
from autopilot.cli.output import Output
from autopilot.cli.streams import GuardedStreams, OutputLost
from autopilot.cli.without_typer import run_without_typer
from autopilot.domain.errors import AutopilotError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with GuardedStreams() as remarks:
        try:
            code = _run(given)
        except OutputLost as lost:
            Output.standard(as_json=False).trouble(_cannot_write(lost))
            code = ExitCode.FAILED
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
    return code or (ExitCode.FAILED if remarks.is_lost else ExitCode.DONE)


def _cannot_write(lost: OutputLost) -> AutopilotError:
    return AutopilotError(
        f"the output cannot be written: {lost}",
        hint="run it again with its output elsewhere; what the command changed stays changed",
    )


def _run(arguments: list[str]) -> int:
    try:
        code = run_without_typer(arguments)
        if code is None:
            from autopilot.cli.app import run_command

            code = run_command(arguments)
        sys.stdout.flush()
    except AutopilotError as error:
        return _fail(error, as_json="--json" in arguments)
    return code


def _fail(error: AutopilotError, *, as_json: bool) -> int:
    """Say what is wrong. A document that cannot be written needs no further words: these are said."""
    try:
        Output.standard(as_json).failure(error)
    except OutputLost:
        return ExitCode.FAILED
    return exit_code(error)
