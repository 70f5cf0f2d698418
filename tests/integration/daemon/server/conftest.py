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
from autopilot.control.peer import Peer
from autopilot.control.requests import (
    BootstrapRequest,
    ListQuery,
    ModeRequest,
    PanicRequest,
    PromoteRequest,
    ResumeRequest,
    RetrainRequest,
    StartRequest,
    StopRequest,
)
from autopilot.daemon.server.connection import ServerLimits
from autopilot.daemon.server.server import ControlServer
from autopilot.domain.errors import NotFound
from autopilot.engine.events import Event, EventLog

FAST = ServerLimits(request_s=0.3, answer_s=0.3, keep_alive_s=0.1, shutdown_s=0.3)


class FakeService:
    """Keeps what it was asked; ``fails`` is raised by every query, ``gate`` holds every answer back."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.commands: list[tuple[Any, ...]] = []
        self.events = EventLog(lambda: 7)
        self.fails: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.padding = ""

    def health(self) -> dict[str, Any]:
        return {"ok": True}

    async def _answer(self, what: Any) -> dict[str, Any]:
        self.asked.append(what)
        await self.gate.wait()
        if self.fails:
            raise self.fails
        return {"answer": len(self.asked), "padding": self.padding}

    def commanded(self, *told: Any) -> None:
        self.commands.append(told)

    async def start(self, request: StartRequest) -> dict[str, Any]:
        return await self._answer(request)

    async def stop(self, request: StopRequest) -> dict[str, Any]:
        return await self._answer(request)

    async def pause(self, request: ModeRequest, caller: Peer) -> dict[str, Any]:
        return await self._answer(("pause", request, caller.pid))

    async def resume_trading(self, request: ResumeRequest, caller: Peer) -> dict[str, Any]:
        return await self._answer(("resume", request, caller.pid))

    async def panic(self, request: PanicRequest, caller: Peer) -> dict[str, Any]:
        return await self._answer(("panic", request, caller.pid))

    async def status(self, symbol: str | None) -> dict[str, Any]:
        return await self._answer(("status", symbol))

    async def decisions(self, query: ListQuery) -> dict[str, Any]:
        return await self._answer(("decisions", query))

    async def decision(self, ref: str) -> dict[str, Any]:
        if ref == "none":
            raise NotFound("there is no decision none", hint="autopilot decisions lists them")
        return await self._answer(("decision", ref))

    async def signals(self, query: ListQuery) -> dict[str, Any]:
        return await self._answer(("signals", query))

    async def orders(self, query: ListQuery) -> dict[str, Any]:
        return await self._answer(("orders", query))

    async def positions(self) -> dict[str, Any]:
        return await self._answer("positions")

    async def trades(self, query: ListQuery) -> dict[str, Any]:
        return await self._answer(("trades", query))

    async def performance(self, query: ListQuery) -> dict[str, Any]:
        return await self._answer(("performance", query))

    async def model_info(self, model_id: str | None) -> dict[str, Any]:
        return await self._answer(("model_info", model_id))

    async def models(self) -> dict[str, Any]:
        return await self._answer("models")

    async def promote_model(self, model_id: str, request: PromoteRequest) -> dict[str, Any]:
        return await self._answer(("promote", model_id, request))

    async def rollback_model(self) -> dict[str, Any]:
        return await self._answer("rollback")

    async def reset_models(self) -> dict[str, Any]:
        return await self._answer("reset")

    async def retrain(self, request: RetrainRequest) -> dict[str, Any]:
        return await self._answer(request)

    async def tasks(self) -> dict[str, Any]:
        return await self._answer("tasks")

    async def task(self, task_id: str) -> dict[str, Any]:
        return await self._answer(("task", task_id))

    async def cancel_task(self, task_id: str) -> dict[str, Any]:
        return await self._answer(("cancel", task_id))

    async def bootstrap_config(self) -> dict[str, Any]:
        return await self._answer("bootstrap_config")

    async def configure_bootstrap(self, request: BootstrapRequest) -> dict[str, Any]:
        return await self._answer(request)

    def subscribe(self, after: int | None) -> AsyncIterator[Event]:
        return self.events.since(after)


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
        return len(self.server._gate.inside)

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
