"""What the daemon does for its clients: starts and stops autopilots, and tells what they do."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.autopilots import AutopilotEntry, AutopilotStore
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.views import queries
from autopilot.adapters.store.views.health import mode_document, with_health
from autopilot.adapters.store.views.real_money import with_real_money
from autopilot.app.audit_log import DaemonAudit
from autopilot.app.models.registry import ModelRegistry
from autopilot.app.report.performance import performance_report
from autopilot.app.trading.modes import TradingControl
from autopilot.app.training.tasks import TrainingTasks
from autopilot.config.schema import SHORTEST_INTERVAL_S, AutopilotConfig
from autopilot.control.errors import SafetyRefused
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
from autopilot.daemon.autopilots import Autopilots, Running
from autopilot.daemon.live_status import overlay
from autopilot.distribution import installed_version
from autopilot.domain.account import is_live
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ConfigError, NotFound
from autopilot.domain.market import MarketKind
from autopilot.domain.order import OrderType
from autopilot.domain.timeframe import iso_utc
from autopilot.engine.events import Event, EventLog
from autopilot.engine.settings import AutopilotSettings
from autopilot.ports.clock import Clock
from autopilot.ports.restrictions import RestrictionSource

log = logging.getLogger(__name__)


class AutopilotService:
    """A DaemonService. Lists are read from the database, live state from the registry."""

    def __init__(
        self,
        config: AutopilotConfig,
        database: Database,
        store: AutopilotStore,
        autopilots: Autopilots,
        trading: TradingControl,
        restrictions: RestrictionSource,
        armings: SqliteArmings,
        models: ModelRegistry,
        trainings: TrainingTasks,
        events: EventLog,
        clock: Clock,
        audit: DaemonAudit,
        ask_to_stop: Callable[[], None],
        closing: Sequence[Callable[[], Awaitable[None]]],
    ) -> None:
        self._config = config
        self._database = database
        self._store = store
        self._autopilots = autopilots
        self._trading = trading
        self._restrictions = restrictions
        self._armings = armings
        self._models = models
        self._trainings = trainings
        self._events = events
        self._clock = clock
        self._audit = audit
        self._ask_to_stop = ask_to_stop
        self._closing = closing
        self._started_at_ms = clock.now_ms()

    def health(self) -> Document:
        return {
            "name": "autopilot",
            "running": True,
            "version": installed_version(),
            "pid": os.getpid(),
            "started_at_ms": self._started_at_ms,
            "data_dir": str(self._database.path.parent),
        }

    def resume(self) -> None:
        """Take up what ran when the last daemon ended, however it ended."""
        entries = [entry for entry in self._store.load_autopilots() if entry.running]
        self._autopilots.resume([self._remembered(entry) for entry in entries])

    def commanded(self, caller: Peer, command: str, asked: Document, result: str) -> None:
        self._audit.commanded(caller, command, asked, result)

    async def start(self, request: StartRequest) -> Document:
        wanted = [self._requested(symbol, request) for symbol in request.symbols or self._config.symbols]
        launched = await self._autopilots.start(wanted)
        for running in launched:
            self._remember(running, is_running=True)
        names = [running.autopilot.symbol for running in launched]
        listed = (await self.status(None))["symbols"]
        return {
            "started": [symbol for symbol in listed if symbol["symbol"] in names],
            "already_running": [settings.symbol for settings in wanted if settings.symbol not in names],
        }

    async def stop(self, request: StopRequest) -> Document:
        if request.symbol is not None and (why := self._autopilots.left_out(request.symbol)):
            if request.flatten:
                raise why
            return self._give_up(request.symbol)
        chosen = self._chosen(request.symbol)
        flattened = [
            running.autopilot.symbol for running in chosen if request.flatten and await running.autopilot.flatten()
        ]
        for running in chosen:
            await self._autopilots.stop(running.autopilot.symbol)
            self._remember(running, is_running=False)
        if request.symbol is None:
            self._ask_to_stop()
        names = [running.autopilot.symbol for running in chosen]
        return {
            "stopped": names,
            "flattened": flattened,
            "warnings": self._left_behind(names),
            "daemon": "stopping" if request.symbol is None else "running",
        }

    async def pause(self, request: ModeRequest, caller: Peer) -> Document:
        return await self._trading.pause(request.exchange, str(caller))

    async def resume_trading(self, request: ResumeRequest, caller: Peer) -> Document:
        return await self._trading.resume(request.exchange, str(caller), write_off=request.write_off)

    async def panic(self, request: PanicRequest, caller: Peer) -> Document:
        return await self._trading.panic(str(caller), flatten=request.flatten)

    async def status(self, symbol: str | None) -> Document:
        document = queries.last_known_status(self._database.path)
        document["daemon"] = self.health()
        document["model"] = self._models.loaded()
        document["symbols"] = [
            overlay(
                known,
                self._autopilots.find(known["symbol"]),
                self._autopilots.next_cycle_ms(known["symbol"]),
                self._autopilots.left_out(known["symbol"]),
            )
            for known in document["symbols"]
        ]
        document["modes"] = [
            mode_document(known["account"], self._restrictions.restrictions(known["account"]))
            for known in document["modes"]
        ]
        document = with_real_money(self._database.path, document, self._clock.now_ms())
        document = with_health(self._database.path, document)
        if symbol is not None:
            document["symbols"] = [known for known in document["symbols"] if known["symbol"] == symbol]
            if not document["symbols"]:
                raise NotFound(f"{symbol} was never started", hint=f"autopilot start --symbol {symbol}")
        return document

    async def decisions(self, query: ListQuery) -> Document:
        return queries.decisions(self._database.path, query.symbol, query.limit, query.action, query.before_ms)

    async def decision(self, ref: str) -> Document:
        return queries.decision(self._database.path, ref)

    async def signals(self, query: ListQuery) -> Document:
        return queries.signals(self._database.path, query.symbol, query.limit, query.before_ms)

    async def orders(self, query: ListQuery) -> Document:
        return queries.orders(self._database.path, query.symbol, query.limit, query.open_only, query.before_ms)

    async def positions(self) -> Document:
        return queries.positions(self._database.path)

    async def trades(self, query: ListQuery) -> Document:
        return queries.trades(self._database.path, query.symbol, query.limit, query.before_ms)

    async def performance(self, query: ListQuery) -> Document:
        threshold = self._config.min_confidence_threshold
        # It takes a second where there is a year of decisions; cycles must not wait for it.
        return await asyncio.to_thread(performance_report, self._database.path, threshold, query.symbol, query.days)

    async def model_info(self, model_id: str | None) -> Document:
        return await asyncio.to_thread(self._models.with_drift, self._models.card(model_id))

    async def models(self) -> Document:
        return self._models.list()

    async def promote_model(self, model_id: str, request: PromoteRequest) -> Document:
        return self._models.promote(model_id, force=request.force)

    async def rollback_model(self) -> Document:
        return self._models.rollback()

    async def reset_models(self) -> Document:
        return self._models.reset()

    async def retrain(self, request: RetrainRequest) -> Document:
        return await self._trainings.start(request)

    async def tasks(self) -> Document:
        return self._trainings.tasks()

    async def task(self, task_id: str) -> Document:
        return self._trainings.task(task_id)

    async def cancel_task(self, task_id: str) -> Document:
        return await self._trainings.cancel(task_id)

    async def bootstrap_config(self) -> Document:
        return self._trainings.bootstrap_config()

    async def configure_bootstrap(self, request: BootstrapRequest) -> Document:
        return self._trainings.configure(request)

    def subscribe(self, after: int | None) -> AsyncIterator[Event]:
        return self._events.since(after)

    async def close(self) -> None:
        await self._autopilots.close()
        for close in self._closing:
            await close()
        self._database.close()

    def _chosen(self, symbol: str | None) -> Sequence[Running]:
        if symbol is None:
            return tuple(self._autopilots)
        running = self._autopilots.find(symbol)
        if running is None:
            raise NotFound(f"{symbol} is not running", hint="autopilot status shows what is")
        return (running,)

    def _requested(self, symbol: str, request: StartRequest) -> AutopilotSettings:
        exchange, interval_s = request.exchange or self._config.exchange, request.interval or self._config.interval
        if interval_s < SHORTEST_INTERVAL_S and MarketKind.of(exchange) is MarketKind.REAL:
            raise ConfigError(
                f"an interval of {interval_s:g} s is too short for the exchange {exchange}",
                hint=f"use at least {SHORTEST_INTERVAL_S:g} second",
            )
        settings = self._config.trading(
            symbol,
            exchange=exchange,
            timeframe=request.timeframe or self._config.timeframe,
            interval_s=interval_s,
            paper_trading=self._config.paper_trading if request.paper_trading is None else request.paper_trading,
            auto_execute=self._config.auto_execute if request.auto_execute is None else request.auto_execute,
        )
        if is_live(settings.account):
            self._require_leave(settings)
        return settings

    def _require_leave(self, settings: AutopilotSettings) -> None:
        """Raises SafetyRefused for real money that is not armed. What is held is watched all the same."""
        venue_rules(settings.exchange)
        account = settings.account
        if self._armings.holding(account, self._clock.now_ms()):
            return
        held: list[Document] = queries.positions(self._database.path)["positions"]
        if any((each["account"], each["symbol"]) == (account, settings.symbol) for each in held):
            return
        arming = self._armings.of(account)
        why = f"its arming ended at {iso_utc(arming.expires_at_ms)}" if arming else "it is not armed"
        raise SafetyRefused(
            f"no real money is traded on {settings.exchange}: {why}; nothing was started",
            hint=f"autopilot arm --exchange {settings.exchange} --max-value AMOUNT, or start with --paper",
        )

    def _remembered(self, entry: AutopilotEntry) -> AutopilotSettings:
        return self._config.trading(
            entry.symbol,
            exchange=entry.exchange,
            timeframe=entry.timeframe,
            interval_s=entry.interval_s,
            paper_trading=entry.paper_trading,
            auto_execute=entry.auto_execute,
        )

    def _remember(self, running: Running, *, is_running: bool) -> None:
        settings = running.autopilot.settings
        self._store.save_autopilot(
            AutopilotEntry(
                symbol=settings.symbol,
                exchange=settings.exchange,
                market=running.venue.source.kind,
                account=running.venue.account,
                timeframe=settings.timeframe,
                interval_s=settings.interval_s,
                paper_trading=settings.paper_trading,
                auto_execute=settings.evaluation.auto_execute,
                running=is_running,
                started_at_ms=self._clock.now_ms(),
            )
        )

    def _give_up(self, symbol: str) -> Document:
        """What was not taken up again is not to be any more."""
        entry = next(entry for entry in self._store.load_autopilots() if entry.symbol == symbol)
        self._store.save_autopilot(replace(entry, running=False))
        self._autopilots.forget(symbol)
        return {"stopped": [symbol], "flattened": [], "warnings": self._left_behind([symbol]), "daemon": "running"}

    def _left_behind(self, symbols: Sequence[str]) -> list[str]:
        held: list[dict[str, Any]] = queries.positions(self._database.path)["positions"]
        waiting = queries.orders(self._database.path, limit=-1, open_only=True)["orders"]
        resting = {(order["account"], order["symbol"]) for order in waiting if order["type"] == OrderType.STOP}
        return [
            _unwatched(position, at_exchange=(position["account"], position["symbol"]) in resting)
            for position in held
            if position["symbol"] in symbols
        ]


def _unwatched(position: Document, *, at_exchange: bool) -> str:
    stop = "; its stop order stays on the exchange" if at_exchange else ", nor its stop"
    return (
        f"{position['symbol']}: {position['quantity']} still held in {position['account']}, and nobody watches it now"
        f"{stop}; autopilot start takes it up again"
    )
