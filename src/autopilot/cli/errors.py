"""Exit codes, and the errors that only the command line raises; `domain.errors` draws the tree."""

from __future__ import annotations

from autopilot.control.errors import CommandRefused, RequestInvalid
from autopilot.domain.errors import AutopilotError, Kind


class ExitCode:
    """The contract with scripts."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    """The command line or the configuration is wrong."""
    NOT_RUNNING = 3
    REFUSED = 4
    """The daemon could not be reached, or refused."""
    SAFETY = 5
    """Refused because it could cost real money."""
    INTERRUPTED = 130


_EXIT_CODES = {
    Kind.USAGE: ExitCode.USAGE,
    Kind.UNKNOWN: ExitCode.USAGE,
    Kind.SAFETY: ExitCode.SAFETY,
    Kind.CONFLICT: ExitCode.REFUSED,
    Kind.UNREACHABLE: ExitCode.REFUSED,
    Kind.NOT_RUNNING: ExitCode.NOT_RUNNING,
}
"""Any other kind: failed."""
_MALFORMED = RequestInvalid("").code


def exit_code(error: AutopilotError) -> int:
    """The exit code of a command that ends with this error. A refusal of the daemon is 4, but for safety, and for
    what does not exist or cannot be understood, which does not depend on who looks it up."""
    if isinstance(error, CommandRefused) and error.code == _MALFORMED:
        return ExitCode.USAGE
    if isinstance(error, CommandRefused) and error.kind not in (Kind.SAFETY, Kind.NOT_FOUND):
        return ExitCode.REFUSED
    return _EXIT_CODES.get(error.kind, ExitCode.FAILED)


class UsageProblem(AutopilotError):
    """The command was called in a way that makes no sense."""

    kind = Kind.USAGE


class NothingDecided(AutopilotError):
    """There is no decision to explain yet."""

    kind = Kind.NOT_FOUND


class TrainingFailed(AutopilotError):
    """A training did not come to its end."""
