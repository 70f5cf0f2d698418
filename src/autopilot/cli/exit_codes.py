"""What an error is to a script: the one place where it becomes an exit code and a code in JSON."""

from __future__ import annotations

from enum import IntEnum

from autopilot.cli.errors import UsageProblem
from autopilot.control.errors import CommandRefused, Conflict, DaemonNotRunning, DaemonUnreachable, SafetyRefused
from autopilot.domain import errors
from autopilot.domain.errors import (
    AutopilotError,
    ConfigError,
    UnknownExchange,
    UnknownSymbol,
    UnknownTimeframe,
    VaultLocked,
)


class ExitCode(IntEnum):
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


SAFETY_CODES = ("SAFETY_REFUSED", "KEYS_LOCKED")
"""What the daemon answers when a safety rule forbids it."""

_CODES: tuple[tuple[type[AutopilotError], ExitCode], ...] = (
    (DaemonNotRunning, ExitCode.NOT_RUNNING),
    (DaemonUnreachable, ExitCode.REFUSED),
    (CommandRefused, ExitCode.REFUSED),
    (Conflict, ExitCode.REFUSED),
    (SafetyRefused, ExitCode.SAFETY),
    (VaultLocked, ExitCode.SAFETY),
    (UsageProblem, ExitCode.USAGE),
    (ConfigError, ExitCode.USAGE),
    (UnknownSymbol, ExitCode.USAGE),
    (UnknownTimeframe, ExitCode.USAGE),
    (UnknownExchange, ExitCode.USAGE),
)


def exit_code(error: AutopilotError) -> ExitCode:
    """The first row that fits decides; anything else failed."""
    if isinstance(error, CommandRefused) and error.code in SAFETY_CODES:
        return ExitCode.SAFETY
    return next((code for kind, code in _CODES if isinstance(error, kind)), ExitCode.FAILED)


def error_code(error: AutopilotError) -> str:
    """The daemon's own code if it refused, else the error's name: ``DaemonNotRunning`` → ``DAEMON_NOT_RUNNING``."""
    return error.code if isinstance(error, CommandRefused) and error.code else errors.error_code(error)
