"""Address by address: how a request is parsed, and what answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from autopilot.adapters.store.views.table import VIEWS
from autopilot.control.errors import RequestInvalid
from autopilot.control.peer import Peer
from autopilot.control.protocol import API, HEALTH
from autopilot.control.requests import (
    BootstrapRequest,
    EmptyRequest,
    ModeRequest,
    PanicRequest,
    PromoteRequest,
    ResumeRequest,
    RetrainRequest,
    StartRequest,
    StopRequest,
    parse,
    parse_body,
    parse_query,
    parse_symbol,
)
from autopilot.daemon.server.answers import answer
from autopilot.daemon.server.connection import ServerLimits, connection_of
from autopilot.daemon.server.event_stream import last_event_id, send_events
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document

if TYPE_CHECKING:
    from autopilot.daemon.service import AutopilotService

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Request = TypeVar("_Request")


class Routes:
    """``stopping`` ends the event streams."""

    def __init__(self, service: AutopilotService, limits: ServerLimits, stopping: asyncio.Event) -> None:
        self._service = service
        self._limits = limits
        self._stopping = stopping

    def table(self) -> Iterable[web.RouteDef]:
        return [*self._queries(), *self._commands()]

    def _queries(self) -> Iterable[web.RouteDef]:
        service = self._service
        models, trainings = service.models, service.trainings
        return [
            _get(HEALTH, _plain(service.health)),
            _get(f"{API}/status", self._status),
            _get(f"{API}/status/{{symbol:.+}}", self._status),
            *(_get(f"{API}/{name.replace('{ref}', '{ref:.+}')}", self._view(name)) for name in VIEWS),
            _get(f"{API}/performance", self._performance),
            _get(f"{API}/model-info", self._model_info),
            _get(f"{API}/models", _plain(models.list)),
            _get(f"{API}/models/{{id}}", self._model),
            _get(f"{API}/bootstrap-config", _plain(trainings.bootstrap_config)),
            _get(f"{API}/events", self._events),
        ]

    def _commands(self) -> Iterable[web.RouteDef]:
        service = self._service
        trading, models, trainings = service.trading, service.models, service.trainings

        async def pause(request: ModeRequest, caller: Peer) -> Document:
            return await trading.pause(request.exchange, str(caller))

        async def resume(request: ResumeRequest, caller: Peer) -> Document:
            return await trading.resume(request.exchange, str(caller), write_off=request.write_off)

        async def panic(request: PanicRequest, caller: Peer) -> Document:
            return await trading.panic(str(caller), flatten=request.flatten)

        async def rollback(_: EmptyRequest) -> Document:
            return models.rollback()

        async def reset(_: EmptyRequest) -> Document:
            return models.reset()

        async def configure(request: BootstrapRequest) -> Document:
            return trainings.configure(request)

        return [
            _post(f"{API}/start", self._command(StartRequest, service.start)),
            _post(f"{API}/stop", self._command(StopRequest, service.stop)),
            _post(f"{API}/pause", self._command_of(ModeRequest, pause)),
            _post(f"{API}/resume", self._command_of(ResumeRequest, resume)),
            _post(f"{API}/panic", self._command_of(PanicRequest, panic)),
            _post(f"{API}/models/rollback", self._command(EmptyRequest, rollback)),
            _post(f"{API}/models/{{id}}/promote", self._promote),
            _post(f"{API}/reset", self._command(EmptyRequest, reset)),
            _post(f"{API}/retrain", self._command(RetrainRequest, trainings.start)),
            _post(f"{API}/tasks/{{task_id}}/cancel", self._cancel_task),
            web.put(f"{API}/bootstrap-config", self._command(BootstrapRequest, configure)),
        ]

    async def _status(self, request: web.Request) -> web.StreamResponse:
        _query(request)
        text = request.match_info.get("symbol")
        return answer(await self._service.status(_symbol(text) if text else None))

    def _view(self, name: str) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            given = _query(request, *VIEWS[name].parameters)
            named = {each: _reference(text) if each == "ref" else text for each, text in request.match_info.items()}
            return answer(await self._service.read(name, {**named, **given}))

        return handle

    async def _performance(self, request: web.Request) -> web.StreamResponse:
        return answer(await self._service.performance(**_query(request, "symbol", "days")))

    async def _model_info(self, request: web.Request) -> web.StreamResponse:
        return await self._card(_query(request, "model_id").get("model_id"))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        _query(request)
        return await self._card(request.match_info["id"])

    async def _card(self, model_id: str | None) -> web.StreamResponse:
        models = self._service.models
        # The drift can take a second; cycles must not wait for it.
        return answer(await asyncio.to_thread(models.with_drift, models.card(model_id)))

    async def _cancel_task(self, request: web.Request) -> web.StreamResponse:
        await self._body(request, EmptyRequest)
        return answer(await self._service.trainings.cancel(request.match_info["task_id"]))

    async def _promote(self, request: web.Request) -> web.StreamResponse:
        command = await self._body(request, PromoteRequest)
        return answer(self._service.models.promote(request.match_info["id"], force=command.force))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        kinds = _query(request, "kinds").get("kinds", "")
        return await send_events(
            request,
            self._service.events.since(last_event_id(request)),
            frozenset(kind.strip() for kind in kinds.split(",") if kind.strip()),
            self._stopping,
            answer_s=self._limits.answer_s,
            keep_alive_s=self._limits.keep_alive_s,
        )

    def _command(self, kind: type[_Request], run: Callable[[_Request], Awaitable[Document]]) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return answer(await run(await self._body(request, kind)))

        return handle

    def _command_of(self, kind: type[_Request], run: Callable[[_Request, Peer], Awaitable[Document]]) -> Handler:
        """A command handler that also gets the caller."""

        async def handle(request: web.Request) -> web.StreamResponse:
            command = await self._body(request, kind)
            return answer(await run(command, connection_of(request).peer))

        return handle

    async def _body(self, request: web.Request, kind: type[_Request]) -> _Request:
        _query(request)
        try:
            async with asyncio.timeout(self._limits.request_s):
                content = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not arrive in time") from None
        command = parse(kind, parse_body(content))
        connection_of(request).command = document(command)
        return command


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, handler, allow_head=False)


def _post(path: str, handler: Handler) -> web.RouteDef:
    return web.post(path, handler)


def _plain(ask: Callable[[], Document]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        _query(request)
        return answer(ask())

    return handle


def _query(request: web.Request, *names: str) -> dict[str, Any]:
    """The parameters ``names`` of the address, as far as they are given. Raises RequestInvalid."""
    parameters = dict(request.query)
    if len(parameters) < len(request.query):
        raise RequestInvalid("a parameter is given twice", hint="give each once")
    return parse_query(parameters, names)


def _reference(text: str) -> str:
    """An id as it is, a symbol as we write it: ``BTC-USD`` is ``BTC/USD``. Raises RequestInvalid."""
    return _symbol(text) if "/" in text or "-" in text else text


def _symbol(text: str) -> str:
    try:
        return parse_symbol(text)
    except ValueError as error:
        raise RequestInvalid(f"{text[:40]!r} {error}", hint="in an address, BTC-USD is BTC/USD") from None
