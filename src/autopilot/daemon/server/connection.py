"""One client's connection: its user, the number of connections, and how slow it may be."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field

from aiohttp import web

from autopilot.control.peer import Peer
from autopilot.control.protocol import HEALTH, KEEP_ALIVE_S
from autopilot.daemon.server.answers import error_answer, http_error_answer
from autopilot.daemon.server.private_socket import peer_of
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """The limits of one client, and of all together. ``_s``: seconds."""

    connections: int = 64
    for_commands: int = 8
    """Additional connections that answer only commands and ``GET /health``, so that panic always finds room."""
    request_s: float = 5.0
    """For the head of a request, and again for its body."""
    answer_s: float = 10.0
    """For the client to take an answer, or an event."""
    keep_alive_s: float = KEEP_ALIVE_S
    shutdown_s: float = 2.0
    """For the requests under way when the daemon stops."""


@dataclass(slots=True)
class ConnectionLimit:
    """Admits connections of the users ``uids``, up to the limits."""

    limits: ServerLimits
    uids: frozenset[int]
    inside: set[Connection] = field(default_factory=set)

    def refusal(self, peer: Peer) -> web.Response | None:
        if peer.uid not in self.uids:
            log.warning("refused a connection of user id %d", peer.uid)
            return http_error_answer(403, f"user id {peer.uid} may not talk to this daemon")
        return self.full() if len(self.inside) >= self.limits.connections + self.limits.for_commands else None

    def full(self) -> web.Response:
        return http_error_answer(503, f"there are {len(self.inside)} clients already")


class Connection(web.RequestHandler):
    """Serves one request; bad HTTP is answered in JSON as everything else is.

    ``peer``: the caller; ``command``: the parsed command, empty until then.
    """

    __slots__ = ("_gate", "_is_for_commands", "_patience", "command", "peer")
    peer: Peer

    def __init__(self, server: web.Server, gate: ConnectionLimit, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=0,
            lingering_time=1.0,
        )
        self._gate = gate
        self._is_for_commands = False
        self._patience: asyncio.TimerHandle | None = None
        self.command: Document = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.peer = peer_of(transport.get_extra_info("socket"))
        if refusal := self._gate.refusal(self.peer):
            _write_and_close(transport, refusal)
            return
        self._is_for_commands = len(self._gate.inside) >= self._gate.limits.connections
        self._gate.inside.add(self)
        super().connection_made(transport)
        limits = self._gate.limits
        self._patience = asyncio.get_running_loop().call_later(
            limits.request_s, self._give_up, transport, f"no request within {limits.request_s:g} s"
        )

    def connection_lost(self, exc: BaseException | None) -> None:
        self.head_arrived()
        if self in self._gate.inside:
            self._gate.inside.discard(self)
            super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self in self._gate.inside:
            super().data_received(data)

    def refusal(self, request: web.Request) -> web.Response | None:
        """The refusal of a query while there is only room for commands, else None."""
        is_query = request.method == "GET" and request.path != HEALTH
        return self._gate.full() if self._is_for_commands and is_query else None

    def head_arrived(self) -> None:
        """The request's head is complete; from here on its handler minds the time."""
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Called with whatever a handler raised, and for input that is not HTTP."""
        self.head_arrived()
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was under way; it cannot become an error")
        if isinstance(exc, AutopilotError):
            return error_answer(exc)
        if status >= 500:
            log.error("a request failed: %s %s", request.method, request.path, exc_info=exc)
            return http_error_answer(status, f"the daemon failed: {type(exc).__name__ if exc else 'it took too long'}")
        reason = (message or str(exc)).split("\n")[0]
        return http_error_answer(status, f"this is not a valid request: {reason}")

    def _give_up(self, transport: asyncio.WriteTransport, reason: str) -> None:
        _write_and_close(transport, http_error_answer(408, reason))


def connection_of(request: web.Request) -> Connection:
    """The connection of a request."""
    connection = request.protocol
    assert isinstance(connection, Connection)
    return connection


def _write_and_close(transport: asyncio.WriteTransport, response: web.Response) -> None:
    """An answer outside any request."""
    body = response.body
    assert isinstance(body, bytes)
    head = (
        f"HTTP/1.1 {response.status} {response.reason}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    transport.write(head.encode() + body)
    transport.close()
