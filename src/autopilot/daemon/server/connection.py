"""One client's connection: its user, its request, and how slow it may be."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import StreamReader, web

from autopilot.control.peer import Peer
from autopilot.daemon.server.admission import Admission
from autopilot.daemon.server.answers import error_answer, http_error_answer
from autopilot.daemon.server.private_socket import peer_of
from autopilot.domain.document_types import Document
from autopilot.domain.errors import AutopilotError

log = logging.getLogger(__name__)


class Connection(web.RequestHandler):
    """Serves one request; bad HTTP is answered in JSON as everything else is.

    ``peer``: the caller; ``command``: the parsed command, empty until then; ``answered_s``: when the answer was there,
    by the loop's clock; ``is_stream``: the answer has no end, so a client that sends no more has left; ``gone``: set
    when the connection has ended. A connection waits for its request among the others, see `Admission`; its request
    then has a place, until the client has taken the answer.
    """

    __slots__ = ("_admission", "_body", "_patience", "answered_s", "command", "gone", "is_stream", "peer")
    peer: Peer

    def __init__(self, server: web.Server, admission: Admission, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=0,
            lingering_time=1.0,
            auto_decompress=False,
        )
        self._admission = admission
        self._patience: asyncio.TimerHandle | None = None
        self._body: StreamReader | None = None
        self.answered_s: float | None = None
        self.is_stream = False
        self.gone = asyncio.Event()
        self.command: Document = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.peer = peer_of(transport.get_extra_info("socket"))
        if self.peer.uid not in self._admission.uids:
            log.warning("refused a connection of user id %d", self.peer.uid)
            _write_and_close(transport, http_error_answer(403, f"user id {self.peer.uid} may not talk to this daemon"))
            return
        super().connection_made(transport)
        self._admission.arrive(self)
        limit_s = self._admission.limits.request_s
        self._patience = self._loop.call_later(limit_s, self.refuse, 408, f"no request within {limit_s:g} s")

    def connection_lost(self, exc: BaseException | None) -> None:
        self.head_arrived()
        self.gone.set()
        self._admission.lose(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport is None:
            return
        super().data_received(data)
        if self._body is None and self._messages:
            self._body = self._messages[0][1]

    def eof_received(self) -> bool:  # type: ignore[override]
        """Whether the connection stays open, for the answer: the client sends no more, and may have left."""
        return self._body is not None and self._body.is_eof() and not self.is_stream

    def head_arrived(self) -> None:
        """The request's head is complete; from here on its handler minds the time."""
        if self._patience:
            self._patience.cancel()
            self._patience = None

    def answered(self) -> None:
        """The answer is there; from here on only the client keeps the connection busy."""
        self.answered_s = self._loop.time()

    def is_slow(self) -> bool:
        """Whether the client has left its answer in the connection for too long to keep another request waiting."""
        yields_s = self._admission.limits.yields_s
        return self.answered_s is not None and self._loop.time() >= self.answered_s + yields_s

    def close_in(self, limit_s: float) -> None:
        """End the connection if the client has not taken its answer by then."""
        if self.transport is not None:
            self._patience = self._loop.call_later(limit_s, self.transport.abort)

    def give_way(self, reason: str) -> None:
        """End the connection in favor of another one."""
        if self.answered_s is None:
            self.refuse(503, reason)
        elif self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Called with whatever a handler raised, and for input that is not HTTP."""
        self.head_arrived()
        if isinstance(exc, ConnectionError):
            raise exc
        if request.writer.output_size > 0:
            raise ConnectionError("the answer was under way; it cannot become an error")
        if isinstance(exc, AutopilotError):
            return error_answer(exc)
        if status >= 500:
            log.error("a request failed: %s %s", request.method, request.path, exc_info=exc)
            return http_error_answer(status, f"the daemon failed: {type(exc).__name__ if exc else 'it took too long'}")
        reason = (message or str(exc)).split("\n")[0]
        return http_error_answer(status, f"this is not a valid request: {reason}")

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """As aiohttp does; its own refusals become ours."""
        if isinstance(resp, web.HTTPException):
            resp = http_error_answer(resp.status, f"{resp.reason}: {request.method} {request.path}")
        return await super().finish_response(request, resp, start_time)

    def refuse(self, status: int, reason: str) -> None:
        """Answer outside any request, and end the connection."""
        if self.transport is not None:
            self.answered()
            _write_and_close(self.transport, http_error_answer(status, reason))


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
