"""Address by address: what is parsed, and which of the service's methods answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from aiohttp import web

from autopilot.control.errors import RequestInvalid
from autopilot.control.peer import Peer
from autopilot.control.protocol import API, HEALTH
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
    parse_body,
    parse_kinds,
    parse_model_id,
    parse_nothing,
    parse_symbol,
)
from autopilot.daemon.server.answers import answer
from autopilot.daemon.server.connection import ServerLimits, connection_of
from autopilot.daemon.server.event_stream import last_event_id, send_events
from autopilot.daemon.server.service_contract import ControlService
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_Request = TypeVar("_Request")


class Routes:
    """``stopping`` ends the event streams."""

    def __init__(self, service: ControlService, limits: ServerLimits, stopping: asyncio.Event) -> None:
        self._service = service
        self._limits = limits
        self._stopping = stopping

    def table(self) -> Iterable[web.RouteDef]:
        service = self._service
        return [
            _get(HEALTH, self._health),
            _post(f"{API}/start", self._command(StartRequest.parse, service.start)),
            _post(f"{API}/stop", self._command(StopRequest.parse, service.stop)),
            _post(f"{API}/pause", self._command_of(ModeRequest.parse, service.pause)),
            _post(f"{API}/resume", self._command_of(ResumeRequest.parse, service.resume_trading)),
            _post(f"{API}/panic", self._command_of(PanicRequest.parse, service.panic)),
            _get(f"{API}/status", self._status),
            _get(f"{API}/status/{{symbol:.+}}", self._status),
            _get(f"{API}/decisions", _list(service.decisions, "symbol", "limit", "action", "before")),
            _get(f"{API}/decisions/{{ref:.+}}", self._decision),
            _get(f"{API}/signals", _list(service.signals, "symbol", "limit", "before")),
            _get(f"{API}/orders", _list(service.orders, "symbol", "limit", "open", "before")),
            _get(f"{API}/positions", _plain(service.positions)),
            _get(f"{API}/trades", _list(service.trades, "symbol", "limit", "before")),
            _get(f"{API}/performance", _list(service.performance, "symbol", "days")),
            _get(f"{API}/model-info", self._model_info),
            _get(f"{API}/models", _plain(service.models)),
            _get(f"{API}/models/{{id}}", self._model),
            _post(f"{API}/models/rollback", self._command(parse_nothing, lambda _: service.rollback_model())),
            _post(f"{API}/models/{{id}}/promote", self._promote),
            _post(f"{API}/reset", self._command(parse_nothing, lambda _: service.reset_models())),
            _post(f"{API}/retrain", self._command(RetrainRequest.parse, service.retrain)),
            _get(f"{API}/tasks", _plain(service.tasks)),
            _get(f"{API}/tasks/{{id}}", self._task),
            _post(f"{API}/tasks/{{id}}/cancel", self._cancel_task),
            _get(f"{API}/bootstrap-config", _plain(service.bootstrap_config)),
            web.put(f"{API}/bootstrap-config", self._command(BootstrapRequest.parse, service.configure_bootstrap)),
            _get(f"{API}/events", self._events),
        ]

    async def _health(self, request: web.Request) -> web.StreamResponse:
        _query(request, ())
        return answer(self._service.health())

    async def _status(self, request: web.Request) -> web.StreamResponse:
        _query(request, ())
        text = request.match_info.get("symbol")
        return answer(await self._service.status(_symbol(text) if text else None))

    async def _decision(self, request: web.Request) -> web.StreamResponse:
        _query(request, ())
        ref = request.match_info["ref"]
        is_symbol = "/" in ref or "-" in ref
        return answer(await self._service.decision(_symbol(ref) if is_symbol else ref))

    async def _model_info(self, request: web.Request) -> web.StreamResponse:
        return answer(await self._service.model_info(parse_model_id(_parameters(request))))

    async def _model(self, request: web.Request) -> web.StreamResponse:
        _query(request, ())
        return answer(await self._service.model_info(request.match_info["id"]))

    async def _task(self, request: web.Request) -> web.StreamResponse:
        _query(request, ())
        return answer(await self._service.task(request.match_info["id"]))

    async def _cancel_task(self, request: web.Request) -> web.StreamResponse:
        await self._body(request, parse_nothing)
        return answer(await self._service.cancel_task(request.match_info["id"]))

    async def _promote(self, request: web.Request) -> web.StreamResponse:
        asked = await self._body(request, PromoteRequest.parse)
        return answer(await self._service.promote_model(request.match_info["id"], asked))

    async def _events(self, request: web.Request) -> web.StreamResponse:
        kinds, after = parse_kinds(_parameters(request)), last_event_id(request)
        return await send_events(
            request,
            self._service.subscribe(after),
            kinds,
            self._stopping,
            answer_s=self._limits.answer_s,
            keep_alive_s=self._limits.keep_alive_s,
        )

    def _command(
        self, parse: Callable[[Document], _Request], run: Callable[[_Request], Awaitable[Document]]
    ) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            return answer(await run(await self._body(request, parse)))

        return handle

    def _command_of(
        self, parse: Callable[[Document], _Request], run: Callable[[_Request, Peer], Awaitable[Document]]
    ) -> Handler:
        """One that is told who asks."""

        async def handle(request: web.Request) -> web.StreamResponse:
            asked = await self._body(request, parse)
            return answer(await run(asked, connection_of(request).peer))

        return handle

    async def _body(self, request: web.Request, parse: Callable[[Document], _Request]) -> _Request:
        _query(request, ())
        try:
            async with asyncio.timeout(self._limits.request_s):
                content = await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(text="the body did not arrive in time") from None
        asked = parse(parse_body(content))
        connection_of(request).asked = document(asked) or {}
        return asked


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, handler, allow_head=False)


def _post(path: str, handler: Handler) -> web.RouteDef:
    return web.post(path, handler)


def _plain(ask: Callable[[], Awaitable[Document]]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        _query(request, ())
        return answer(await ask())

    return handle


def _list(ask: Callable[[ListQuery], Awaitable[Document]], *allowed: str) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        return answer(await ask(_query(request, allowed)))

    return handle


def _query(request: web.Request, allowed: tuple[str, ...]) -> ListQuery:
    return ListQuery.parse(_parameters(request), allowed)


def _parameters(request: web.Request) -> dict[str, str]:
    parameters = dict(request.query)
    if len(parameters) < len(request.query):
        raise RequestInvalid("a parameter is given twice", hint="give each once")
    return parameters


def _symbol(text: str) -> str:
    try:
        return parse_symbol(text)
    except ValueError as error:
        raise RequestInvalid(f"{text[:40]!r} {error}", hint="in an address, BTC-USD is BTC/USD") from None
