"""Address by address: how a request is parsed, and what answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web

from autopilot.adapters.exchange.ccxt_import import require_exchange
from autopilot.adapters.store.views.queries import VIEWS
from autopilot.control.errors import RequestInvalid
from autopilot.control.protocol import API, EVENTS, HEALTH
from autopilot.control.requests import (
    BootstrapRequest,
    EmptyRequest,
    ExitRequest,
    ModeRequest,
    PanicRequest,
    PromoteRequest,
    ResumeRequest,
    RetrainRequest,
    RollbackRequest,
    StartRequest,
    StopRequest,
    parse,
    parse_body,
    parse_query,
    parse_symbol,
)
from autopilot.daemon.server.admission import ServerLimits
from autopilot.daemon.server.answers import answer
from autopilot.daemon.server.connection import connection_of
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
            _get(HEALTH, _asking(lambda *_: service.health())),
            _get(f"{API}/status", _asking(lambda *_: service.status(None))),
            _get(
                f"{API}/status/{{symbol:.+}}", _asking(lambda named, _: service.status(parse_symbol(named["symbol"])))
            ),
            *(_get(f"{API}/{name.replace('{ref}', '{ref:.+}')}", self._view(name)) for name in VIEWS),
            _get(f"{API}/performance", _asking(lambda _, given: service.performance(**given), "symbol", "days")),
            _get(
                f"{API}/model-info",
                _asking(lambda _, given: service.card(**given), "model_id", "kind", "timeframe"),
            ),
            _get(f"{API}/models", _asking(lambda *_: models.list())),
            _get(f"{API}/models/{{id}}", _asking(lambda named, _: service.card(named["id"]))),
            _get(f"{API}/bootstrap-config", _asking(lambda *_: trainings.bootstrap_config())),
            _get(EVENTS, self._events),
        ]

    def _commands(self) -> Iterable[web.RouteDef]:
        service = self._service
        trading, models, trainings = service.trading, service.models, service.trainings
        return [
            web.post(f"{API}/start", self._command(StartRequest, lambda command, _: service.start(command))),
            web.post(f"{API}/stop", self._command(StopRequest, lambda command, _: service.stop(command))),
            web.post(f"{API}/exit", self._command(ExitRequest, lambda command, _: service.exit(command))),
            web.post(
                f"{API}/pause",
                self._command(ModeRequest, lambda command, request: trading.pause(command.exchange, _caller(request))),
            ),
            web.post(
                f"{API}/resume",
                self._command(
                    ResumeRequest,
                    lambda command, request: trading.resume(
                        command.exchange, _caller(request), write_off=command.write_off
                    ),
                ),
            ),
            web.post(
                f"{API}/panic",
                self._command(
                    PanicRequest, lambda command, request: trading.panic(_caller(request), flatten=command.flatten)
                ),
            ),
            web.post(
                f"{API}/models/rollback",
                self._command(RollbackRequest, lambda command, _: models.rollback(command.kind, command.timeframe)),
            ),
            web.post(
                f"{API}/models/{{id}}/promote",
                self._command(
                    PromoteRequest,
                    lambda command, request: models.promote(request.match_info["id"], force=command.force),
                ),
            ),
            web.post(f"{API}/reset", self._command(EmptyRequest, lambda *_: models.reset())),
            web.post(f"{API}/retrain", self._command(RetrainRequest, lambda command, _: trainings.start(command))),
            web.post(
                f"{API}/tasks/{{task_id}}/cancel",
                self._command(EmptyRequest, lambda _, request: trainings.cancel(request.match_info["task_id"])),
            ),
            web.put(
                f"{API}/bootstrap-config",
                self._command(BootstrapRequest, lambda command, _: trainings.configure(command)),
            ),
        ]

    def _view(self, name: str) -> Handler:
        def ask(named: Mapping[str, str], given: Document) -> Awaitable[Document]:
            item = {each: _reference(text) if each == "ref" else text for each, text in named.items()}
            return self._service.read(name, {**item, **given})

        return _asking(ask, *VIEWS[name].parameters)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        kinds = _query(request, "kinds").get("kinds", "")
        connection = connection_of(request)
        connection.is_stream = True
        return await send_events(
            request,
            self._service.events.since(last_event_id(request)),
            frozenset(kind.strip() for kind in kinds.split(",") if kind.strip()),
            (self._stopping, connection.gone),
            answer_s=self._limits.answer_s,
            keep_alive_s=self._limits.keep_alive_s,
        )

    def _command(
        self, kind: type[_Request], run: Callable[[_Request, web.Request], Awaitable[Document] | Document]
    ) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            command = await _body(request, kind)
            await self._service.await_database()
            return await _answer(run(command, request))

        return handle


def _get(path: str, handler: Handler) -> web.RouteDef:
    return web.get(path, handler, allow_head=False)


def _asking(ask: Callable[[Mapping[str, str], Document], Awaitable[Document] | Document], *names: str) -> Handler:
    """A query: ``ask`` gets the parts of the path by name, and the parameters ``names`` as far as they are given."""

    async def handle(request: web.Request) -> web.StreamResponse:
        given = _query(request, *names)
        return await _answer(ask(request.match_info, given))

    return handle


async def _body(request: web.Request, kind: type[_Request]) -> _Request:
    _query(request)
    command = parse(kind, parse_body(await request.read()))
    if (exchange := getattr(command, "exchange", None)) is not None:
        # A mode for a misspelled name would restrict no account.
        require_exchange(exchange)
    connection_of(request).command = document(command)
    return command


async def _answer(found: Awaitable[Document] | Document) -> web.Response:
    return answer(await found if isinstance(found, Awaitable) else found)


def _caller(request: web.Request) -> str:
    return str(connection_of(request).peer)


def _query(request: web.Request, *names: str) -> dict[str, Any]:
    """The parameters ``names`` of the address, as far as they are given. Raises RequestInvalid."""
    parameters = dict(request.query)
    if len(parameters) < len(request.query):
        raise RequestInvalid("a parameter is given twice", hint="give each once")
    return parse_query(parameters, names)


def _reference(text: str) -> str:
    """An id as it is, a symbol as we write it: ``BTC-USD`` is ``BTC/USD``. Raises RequestInvalid."""
    return parse_symbol(text) if "/" in text or "-" in text else text
