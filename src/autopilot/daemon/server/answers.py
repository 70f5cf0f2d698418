"""Answers on the wire: JSON, and one shape for every error."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from autopilot.control.errors import CommandRefused
from autopilot.domain.errors import AutopilotError, Kind

_STATUS = {
    Kind.USAGE: 400,
    Kind.SAFETY: 403,
    Kind.UNKNOWN: 404,
    Kind.NOT_FOUND: 404,
    Kind.CONFLICT: 409,
    Kind.BLOCKED: 409,
    Kind.UNAVAILABLE: 503,
}
"""Any other kind is the daemon's own failure: 500."""


def answer(document: dict[str, Any], status: int = 200) -> web.Response:
    """A JSON answer that closes the connection: nothing is kept for a client that may not come back."""
    response = web.Response(
        body=json.dumps(document, ensure_ascii=False).encode(errors="replace"),
        status=status,
        content_type="application/json",
    )
    response.force_close()
    return response


def error_answer(error: AutopilotError) -> web.Response:
    """The error as JSON, with its own status or that of its kind."""
    own = error.status if isinstance(error, CommandRefused) else 0
    return answer({"error": error.document()}, own or _STATUS.get(error.kind, 500))


def http_error(status: int, reason: str) -> CommandRefused:
    """A refusal by HTTP itself: no such address, wrong method, too large, not HTTP at all."""
    code, kind, hint = _HTTP.get(status, ("BAD_REQUEST", Kind.USAGE, "speak HTTP/1.1 with JSON"))
    return CommandRefused(reason, hint=hint, code=code, kind=kind, status=status)


def http_error_answer(status: int, reason: str) -> web.Response:
    """The answer that `http_error` stands for."""
    return error_answer(http_error(status, reason))


_HTTP = {
    403: ("FORBIDDEN", Kind.FAILED, "run the command as the user who runs the daemon"),
    404: ("NOT_FOUND", Kind.NOT_FOUND, "docs list the addresses; are client and daemon of the same version?"),
    405: ("METHOD_NOT_ALLOWED", Kind.USAGE, "queries are GET, commands are POST"),
    408: ("TOO_SLOW", Kind.UNAVAILABLE, "send the whole request at once"),
    413: ("TOO_LARGE", Kind.USAGE, "no command needs so large a body"),
    500: ("INTERNAL_ERROR", Kind.FAILED, "the daemon's log has the details"),
    503: ("TOO_MANY_CLIENTS", Kind.UNAVAILABLE, "close some of them, then try again"),
    504: ("TIMED_OUT", Kind.UNAVAILABLE, "the daemon's log has the details"),
}
