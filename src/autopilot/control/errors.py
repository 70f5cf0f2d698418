"""Errors between a client and the daemon; `domain.errors` draws the tree."""

from __future__ import annotations

from autopilot.domain.errors import AutopilotError, Kind


class ControlError(AutopilotError):
    """Between a client and the daemon."""


class DaemonNotRunning(ControlError):
    """There is no socket, or no daemon is listening on it."""

    kind = Kind.NOT_RUNNING


class DaemonUnreachable(ControlError):
    """No permission, no answer in time, or an answer that is not ours."""

    kind = Kind.UNREACHABLE


class SocketForbidden(DaemonUnreachable):
    """The socket belongs to another user, whose daemon may run or not."""


class CommandRefused(ControlError):
    """The daemon refused. ``code`` and ``kind`` are those of its error, ``status`` is the HTTP status."""

    def __init__(
        self, message: str, *, hint: str = "", code: str = "", kind: Kind = Kind.FAILED, status: int = 0
    ) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind
        self.status = status
        self._code = code

    @property
    def code(self) -> str:
        return self._code or super().code


class RequestInvalid(ControlError):
    """The request is malformed or has unknown keys; the message names every problem."""

    kind = Kind.USAGE


class SafetyRefused(ControlError):
    """A safety rule forbids it, for example because live trading is not armed."""

    kind = Kind.SAFETY


class KeysLocked(SafetyRefused):
    """The exchange keys are needed, and the daemon was started without their passphrase."""


class Conflict(ControlError):
    """The daemon is in a state where this cannot be done."""

    kind = Kind.CONFLICT


class ExitDenied(Conflict):
    """Autopilot's own checks deny a sale that the user wants. ``code`` is that of the failed check."""

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message, hint=hint)
        self._code = code

    @property
    def code(self) -> str:
        return self._code or super().code


class SocketUnusable(ControlError):
    """The daemon cannot listen: the path is taken, or the system refuses."""
