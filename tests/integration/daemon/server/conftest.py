"""A real server on a real Unix socket, over a service that answers from memory."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from autopilot.control.client import ControlClient
from autopilot.control.requests import BootstrapRequest, ExitRequest, RetrainRequest, StartRequest, StopRequest
from autopilot.daemon.server.admission import ServerLimits
from autopilot.daemon.server.server import ControlServer
from autopilot.domain.errors import NotFound
from autopilot.engine.events import EventLog

FAST = ServerLimits(request_s=0.3, answer_s=0.3, keep_alive_s=0.1, shutdown_s=0.3)


class FakeService:
    """Keeps what it was asked; ``fails`` is raised by every query, ``gate`` holds every answer back.

    It is also the parts of the daemon that the service stands for: trading, models, trainings and audit.
    """

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.commands: list[tuple[Any, ...]] = []
        self.events = EventLog(lambda: 7)
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.padding = ""
        self.trading = FakeTrading(self)
        self.models = FakeModels(self)
        self.trainings = FakeTrainings(self)
        self.audit = self

    def health(self) -> dict[str, Any]:
        return {"ok": True}

    def commanded(self, *told: Any) -> None:
        self.commands.append(told)

    def answer(self, what: Any) -> dict[str, Any]:
        self.asked.append(what)
        return self._answer()

    async def answer_later(self, what: Any) -> dict[str, Any]:
        self.asked.append(what)
        await self.gate.wait()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        if self.fails:
            raise self.fails
        return {"answer": len(self.asked), "padding": self.padding}

    async def await_database(self) -> None:
        """It is never locked."""

    async def start(self, request: StartRequest) -> dict[str, Any]:
        return await self.answer_later(request)

    async def stop(self, request: StopRequest) -> dict[str, Any]:
        return await self.answer_later(request)

    async def exit(self, request: ExitRequest) -> dict[str, Any]:
        return await self.answer_later(request)

    async def status(self, symbol: str | None) -> dict[str, Any]:
        return await self.answer_later(("status", symbol))

    async def read(self, view: str, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("ref") == "none":
            raise NotFound("there is no decision none", hint="autopilot decisions lists them")
        return await self.answer_later((view, given))

    async def card(self, model_id: str | None = None, kind: Any = None, timeframe: Any = None) -> dict[str, Any]:
        return self.answer(("card", model_id, kind, timeframe))

    async def performance(self, **given: Any) -> dict[str, Any]:
        return await self.answer_later(("performance", given))


class FakeTrading:
    def __init__(self, service: FakeService) -> None:
        self._service = service

    async def pause(self, exchange: str | None, actor: str) -> dict[str, Any]:
        return await self._service.answer_later(("pause", exchange, actor))

    async def resume(self, exchange: str | None, actor: str, *, write_off: bool) -> dict[str, Any]:
        return await self._service.answer_later(("resume", exchange, actor, write_off))

    async def panic(self, actor: str, *, flatten: bool) -> dict[str, Any]:
        return await self._service.answer_later(("panic", actor, flatten))


class FakeModels:
    def __init__(self, service: FakeService) -> None:
        self._service = service

    def list(self) -> dict[str, Any]:
        return self._service.answer("models")

    def promote(self, model_id: str, *, force: bool) -> dict[str, Any]:
        return self._service.answer(("promote", model_id, force))

    def rollback(self, kind: str | None, timeframe: str | None) -> dict[str, Any]:
        return self._service.answer(("rollback", kind, timeframe))

    def reset(self) -> dict[str, Any]:
        return self._service.answer("reset")


class FakeTrainings:
    def __init__(self, service: FakeService) -> None:
        self._service = service

    async def start(self, request: RetrainRequest) -> dict[str, Any]:
        return await self._service.answer_later(request)

    async def cancel(self, task_id: str) -> dict[str, Any]:
        return await self._service.answer_later(("cancel", task_id))

    def bootstrap_config(self) -> dict[str, Any]:
        return self._service.answer("bootstrap_config")

    def configure(self, request: BootstrapRequest) -> dict[str, Any]:
        return self._service.answer(request)


class Serving:
    """A running server and ways to talk to it."""

    def __init__(self, service: FakeService, server: ControlServer, path: Path) -> None:
        self.service = service
        self.server = server
        self.path = path

    async def get(self, path: str, timeout_s: float = 5.0) -> dict[str, Any]:
        return await asyncio.to_thread(ControlClient(self.path, timeout_s).get, path)

    async def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        return await asyncio.to_thread(ControlClient(self.path, 5.0).post, path, body)

    @property
    def clients(self) -> int:
        return len(self.server._admission)

    @staticmethod
    async def until(condition: Callable[[], Any]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)

    async def raw(self, request: bytes) -> bytes:
        """Send bytes as they are and return all that comes back."""
        reader, writer = await self.connect()
        try:
            writer.write(request)
            return await asyncio.wait_for(self.rest(reader), 5.0)
        finally:
            writer.close()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        connection = socket.socket(socket.AF_UNIX)
        connection.setblocking(False)
        while True:
            try:
                connection.connect(str(self.path))
            except BlockingIOError:
                await asyncio.sleep(0)
            else:
                return await asyncio.open_unix_connection(sock=connection)

    @staticmethod
    async def rest(reader: asyncio.StreamReader) -> bytes:
        received = b""
        try:
            while part := await reader.read(1 << 16):
                received += part
        except ConnectionResetError:
            pass
        return received


@pytest.fixture
def serve(tmp_path: Path) -> Callable[..., Any]:
    @asynccontextmanager
    async def run(limits: ServerLimits | None = None, **options: Any) -> AsyncIterator[Serving]:
        service, path = FakeService(), tmp_path / "run" / "d.sock"
        server = ControlServer(service, path, limits, **options)
        await server.start()
        try:
            yield Serving(service, server, path)
        finally:
            service.gate.set()
            await server.stop()

    return run


@pytest.fixture
async def serving(serve: Callable[..., Any]) -> AsyncIterator[Serving]:
    async with serve() as running:
        yield running


@pytest.fixture
async def hasty(serve: Callable[..., Any]) -> AsyncIterator[Serving]:
    """A server that loses its patience soon."""
    async with serve(FAST) as running:
        yield running


@pytest.fixture
def refused() -> Callable[[Awaitable[Any]], Awaitable[Any]]:
    from autopilot.control.errors import CommandRefused

    async def refusal(call: Awaitable[Any]) -> CommandRefused:
        with pytest.raises(CommandRefused) as caught:
            await call
        assert str(caught.value)
        return caught.value

    return refusal
