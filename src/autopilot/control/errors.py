"""What can go wrong between a client and the daemon.

AutopilotError
└── ControlError
    ├── DaemonNotRunning      nobody listens                                   seen by the client
    ├── DaemonUnreachable     somebody may, but gives no usable answer         seen by the client
    ├── CommandRefused        the daemon's refusal, with its code and status   seen by the client
    ├── RequestInvalid        the request makes no sense (400)                 raised by the daemon
    ├── SafetyRefused         a safety rule forbids it (403)                   raised by the daemon
    │   └── KeysLocked        it was started without the passphrase            raised by the daemon
    ├── Conflict              not in this state (409)                          raised by the daemon
    └── SocketUnusable        the socket cannot be made or is taken            raised when the daemon starts
"""

from __future__ import annotations

from autopilot.domain.errors import AutopilotError


class ControlError(AutopilotError):
    """Between a client and the daemon."""


class DaemonNotRunning(ControlError):
    """There is no socket, or nobody listens on it."""


class DaemonUnreachable(ControlError):
    """No permission, no answer in time, or an answer that is not ours."""


class CommandRefused(ControlError):
    """The daemon said no. ``code`` is for programs, ``status`` the HTTP status."""

    def __init__(self, message: str, *, hint: str = "", code: str = "", status: int = 0) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.status = status


class RequestInvalid(ControlError):
    """A request that is malformed, or asks for what does not exist in the protocol; names every problem."""


class SafetyRefused(ControlError):
    """A safety rule forbids it, such as live trading that was not armed."""


class KeysLocked(SafetyRefused):
    """The exchange keys are needed, and the daemon was started without their passphrase."""


class Conflict(ControlError):
    """The daemon is in a state where this cannot be done."""


class SocketUnusable(ControlError):
    """The daemon cannot listen: the path is taken, or the system refuses."""
