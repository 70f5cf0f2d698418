"""Answers on the wire: JSON, and one shape for every error."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import web

from autopilot.control.errors import Conflict, RequestInvalid, SafetyRefused
from autopilot.control.protocol import error_document
from autopilot.domain.errors import (
    AutopilotError,
    ConfigError,
    MarketEnded,
    MarketUnavailable,
    ModelError,
    NotFound,
    StoreUnavailable,
    UnknownExchange,
    UnknownSymbol,
    UnknownTimeframe,
    error_code,
)

_STATUS: tuple[tuple[type[AutopilotError], int], ...] = (
    (RequestInvalid, 400),
    (ConfigError, 400),
    (UnknownTimeframe, 400),
    (SafetyRefused, 403),
    (NotFound, 404),
    (UnknownExchange, 404),
    (UnknownSymbol, 404),
    (Conflict, 409),
    (ModelError, 409),
    (MarketEnded, 409),
    (MarketUnavailable, 503),
    (StoreUnavailable, 503),
)


def answer(document: dict[str, Any], status: int = 200) -> web.Response:
    """One request a connection: nothing is kept for a client that may not come back."""
    response = web.Response(
        body=json.dumps(document, ensure_ascii=False).encode(errors="replace"),
        status=status,
        content_type="application/json",
    )
    response.force_close()
    return response


def error_answer(error: AutopilotError) -> web.Response:
    """The first row of the table that fits decides; anything else is the daemon's own failure."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    return answer(error_document(error_code(error), str(error), error.hint), status)


def http_error_answer(status: int, reason: str) -> web.Response:
    """What HTTP itself refuses: no such address, wrong method, too large, not HTTP at all."""
    code, hint = _HTTP.get(status, _BAD_REQUEST)
    return answer(error_document(code, reason, hint), status)


def http_error_code(status: int) -> str:
    """404 → NOT_FOUND."""
    return _HTTP.get(status, _BAD_REQUEST)[0]


_BAD_REQUEST = ("BAD_REQUEST", "speak HTTP/1.1 with JSON")
_HTTP = {
    403: ("FORBIDDEN", "run the command as the user who runs the daemon"),
    404: ("NOT_FOUND", "docs list the addresses; are client and daemon of the same version?"),
    405: ("METHOD_NOT_ALLOWED", "queries are GET, commands are POST"),
    408: ("TOO_SLOW", "send the whole request at once"),
    413: ("TOO_LARGE", "no command needs so large a body"),
    500: ("INTERNAL_ERROR", "the daemon's log has the details"),
    503: ("TOO_MANY_CLIENTS", "close some of them, then try again"),
    504: ("TIMED_OUT", "the daemon's log has the details"),
}
