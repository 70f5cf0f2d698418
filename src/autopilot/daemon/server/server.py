"""The daemon's side of the socket: HTTP/1.1 with JSON, one request a connection."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import HttpVersion10, HttpVersion11, web

from autopilot.control.protocol import BODY_MAX_BYTES
from autopilot.daemon.server.admission import Admission, ServerLimits
from autopilot.daemon.server.answers import error_answer, http_error
from autopilot.daemon.server.connection import Connection, connection_of
from autopilot.daemon.server.private_socket import BACKLOG, PrivateSocket, listen_privately
from autopilot.daemon.server.routes import Handler, Routes
from autopilot.domain.errors import AutopilotError

if TYPE_CHECKING:
    from autopilot.daemon.service import AutopilotService

ROOT_UID = 0
ACCEPTED_AT_ONCE = 32
"""Few beside the connections that may wait: the request of a new one is read before so many others come that it would
give way to them."""

log = logging.getLogger(__name__)


class ControlServer:
    """Serves ``service`` at ``socket_path`` to the users ``uids``, by default this process's own and root."""

    def __init__(
        self,
        service: AutopilotService,
        socket_path: Path,
        limits: ServerLimits | None = None,
        uids: Collection[int] | None = None,
    ) -> None:
        self._service = service
        self._limits = limits or ServerLimits()
        self._path = socket_path
        self._admission = Admission(self._limits, frozenset({os.geteuid(), ROOT_UID} if uids is None else uids))
        self._stopping = asyncio.Event()
        application = web.Application(middlewares=[self._guard], client_max_size=BODY_MAX_BYTES)
        application.add_routes(Routes(service, self._limits, self._stopping).table())
        self._runner = web.AppRunner(application, shutdown_timeout=self._limits.shutdown_s)
        self._socket: PrivateSocket | None = None
        self._listener: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises SocketUnusable."""
        self._socket = listen_privately(self._path)
        await self._runner.setup()
        assert self._runner.server is not None
        loop = asyncio.get_running_loop()
        connect = partial(Connection, self._runner.server, self._admission, loop)
        self._listener = await loop.create_unix_server(connect, sock=self._socket.listening, backlog=ACCEPTED_AT_ONCE)
        # asyncio takes one number for both.
        self._socket.listening.listen(BACKLOG)

    async def stop(self) -> None:
        """Take no more requests, end the event streams, give the rest ``shutdown_s`` to finish, remove the socket."""
        self._stopping.set()
        if self._listener:
            self._listener.close()
        if self._socket:
            self._socket.remove()
        await self._runner.cleanup()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Every answer is JSON, and is taken in time or dropped with its client."""
        connection = connection_of(request)
        connection.head_arrived()
        try:
            refusal = await self._arrived(request, connection)
            response = await self._answer(request, handler, connection, refusal)
            connection.answered()
            async with asyncio.timeout(self._limits.answer_s):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            if request.transport:
                request.transport.abort()
        finally:
            self._admission.leave(connection)
        return response

    async def _arrived(self, request: web.Request, connection: Connection) -> AutopilotError | None:
        """Wait until the request is whole. Returns the refusal of one that is too large or too slow; raises
        ConnectionError if the client leaves before, or is refused at once because it speaks something else."""
        if problem := _problem(request):
            connection.refuse(400, f"this is not a valid request: {problem}")
            raise ConnectionAbortedError(problem)
        try:
            async with asyncio.timeout(self._limits.request_s):
                await request.read()
        except TimeoutError:
            return http_error(408, f"the body did not arrive in time: {request.method} {request.path}")
        except web.HTTPRequestEntityTooLarge as refusal:
            return http_error(refusal.status, f"{refusal.reason}: {request.method} {request.path}")
        except ConnectionError:
            if connection.answered_s is None:
                log.info("%s left before its request was whole: %s %s", connection.peer, request.method, request.path)
            raise
        if connection.answered_s is not None:
            raise ConnectionResetError("it gave way to another client at this moment")
        return None

    async def _answer(
        self, request: web.Request, handler: Handler, connection: Connection, refusal: AutopilotError | None
    ) -> web.StreamResponse:
        """Every command is in the audit log before its client gets the answer."""
        result = http_error(500, "").code
        try:
            if refusal:
                raise refusal
            self._admission.enter(connection, request)
            response = await handler(request)
            result = "done"
        except AutopilotError as error:
            result = error.code
            response = error_answer(error)
        except web.HTTPException as unknown:
            refused = http_error(unknown.status, f"{unknown.reason}: {request.method} {request.path}")
            result = refused.code
            response = error_answer(refused)
        finally:
            if request.method != "GET" and request.match_info.http_exception is None:
                command = f"{request.method} {request.path}"
                self._service.audit.commanded(connection.peer, command, connection.command, result)
        return response


def _problem(request: web.Request) -> str | None:
    """What in the head of a request aiohttp takes and we do not."""
    if request.version not in (HttpVersion10, HttpVersion11):
        return "its version is neither HTTP/1.0 nor HTTP/1.1"
    odd = next((name for name, value in request.raw_headers if not (name.isascii() and value.isascii())), None)
    return None if odd is None else f"its header {odd.decode('ascii', 'replace')} has a character outside ASCII"
