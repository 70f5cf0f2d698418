"""Starts, stops and shows autopilots for the daemon's clients."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.autopilots import AutopilotEntry, SqliteAutopilots
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.views import queries
from autopilot.adapters.store.views.queries import read_view
from autopilot.adapters.store.views.status import LiveState, status_document
from autopilot.app.audit_log import DaemonAudit
from autopilot.app.models.registry import ModelRegistry
from autopilot.app.report.performance import performance_report
from autopilot.app.trading.modes import TradingControl
from autopilot.app.training.tasks import TrainingTasks
from autopilot.config.schema import SHORTEST_INTERVAL_S, AutopilotConfig
from autopilot.control.errors import SafetyRefused
from autopilot.control.requests import StartRequest, StopRequest
from autopilot.daemon.autopilots import Autopilots, Running
from autopilot.distribution import installed_version
from autopilot.domain.account import is_live
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ConfigError, NotFound
from autopilot.domain.market import MarketKind
from autopilot.domain.order import OrderType
from autopilot.domain.timeframe import iso_utc
from autopilot.engine.events import EventLog
from autopilot.engine.settings import AutopilotSettings
from autopilot.ports.clock import Clock
from autopilot.ports.restrictions import RestrictionSource


class AutopilotService:
    """Starts, stops and shows the symbols.

    The other parts of the daemon stand beside it for the server: ``trading``, ``models``, ``trainings``, ``events`` and
    ``audit``. ``closing`` is awaited when the daemon ends.
    """

    def __init__(
        self,
        config: AutopilotConfig,
        database: Database,
        store: SqliteAutopilots,
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
        self.trading = trading
        self.models = models
        self.trainings = trainings
        self.events = events
        self.audit = audit
        self._config = config
        self._database = database
        self._store = store
        self._autopilots = autopilots
        self._restrictions = restrictions
        self._armings = armings
        self._clock = clock
        self._ask_to_stop = ask_to_stop
        self._closing = closing
        self._started_at_ms = clock.now_ms()

    def health(self) -> Document:
        """Who the daemon is, at once and without the database."""
        return {
            "name": "autopilot",
            "running": True,
            "version": installed_version(),
            "pid": os.getpid(),
            "started_at_ms": self._started_at_ms,
            "data_dir": str(self._database.path.parent),
        }

    def resume(self) -> None:
        """Start the symbols that ran when the last daemon ended, however it ended."""
        entries = [entry for entry in self._store.load_autopilots() if entry.running]
        self._autopilots.resume([self._stored_settings(entry) for entry in entries])

    async def start(self, request: StartRequest) -> Document:
        """Start the symbols of the request that do not run yet. Raises as `Autopilots.start` does, and SafetyRefused
        for real money that is not armed."""
        wanted = [self._requested(symbol, request) for symbol in request.symbols or self._config.symbols]
        launched = await self._autopilots.start(wanted)
        for running in launched:
            self._save(running, is_running=True)
        names = [running.autopilot.symbol for running in launched]
        listed = (await self.status(None))["symbols"]
        return {
            "started": [symbol for symbol in listed if symbol["symbol"] in names],
            "already_running": [settings.symbol for settings in wanted if settings.symbol not in names],
        }

    async def stop(self, request: StopRequest) -> Document:
        """Stop a symbol, or all of them and the daemon. Raises NotFound if the symbol does not run."""
        if request.symbol is not None and (why := self._autopilots.left_out(request.symbol)):
            if request.flatten:
                raise why
            return self._forget_unresumed(request.symbol)
        chosen = self._chosen(request.symbol)
        flattened = [
            running.autopilot.symbol for running in chosen if request.flatten and await running.autopilot.flatten()
        ]
        for running in chosen:
            await self._autopilots.stop(running.autopilot.symbol)
            self._save(running, is_running=False)
        if request.symbol is None:
            self._ask_to_stop()
        names = [running.autopilot.symbol for running in chosen]
        return {
            "stopped": names,
            "flattened": flattened,
            "warnings": self._unmonitored(names),
            "daemon": "stopping" if request.symbol is None else "running",
        }

    async def status(self, symbol: str | None) -> Document:
        """A `StatusDocument`: the live state over the stored one. Raises NotFound if the symbol was never started.

        Read in the event loop, so that both are of the same moment.
        """
        models = self.models.loaded()
        live = LiveState(
            self.health(),
            models,
            partial(self._overlay, models),
            self._restrictions.restrictions,
            self.trading.books(),
        )
        return status_document(self._database.path, self._clock.now_ms(), live, symbol)

    async def read(self, view: str, given: Mapping[str, Any]) -> Document:
        """A view of the database by its name in `VIEWS`. Raises NotFound."""
        return await asyncio.to_thread(read_view, view, self._database.path, given)

    async def performance(self, symbol: str | None = None, days: int | None = None) -> Document:
        """The performance report. It takes a second where there is a year of decisions."""
        threshold = self._config.min_confidence_threshold
        return await asyncio.to_thread(performance_report, self._database.path, threshold, symbol, days)

    async def close(self) -> None:
        """Finish the cycles under way and close everything. May be canceled when there is no time left; that
        loses no more than a crash."""
        await self._autopilots.close()
        for close in self._closing:
            await close()
        self._database.close()

    def _overlay(self, models: Sequence[Document], stored: Document) -> Document:
        """A `SymbolDocument`: the live state of a running autopilot over the stored one. ``models``: the champions."""
        symbol = stored["symbol"]
        scope = (self._config.candle_kind(stored["exchange"]), stored["timeframe"])
        stored["model"] = next((each for each in models if (each["kind"], each["timeframe"]) == scope), None)
        left_out, running = self._autopilots.left_out(symbol), self._autopilots.find(symbol)
        if left_out is not None:
            return {**stored, "left_out": left_out.document()}
        if running is None:
            return stored
        return _live(stored, running, self._autopilots.next_cycle_ms(symbol))

    def _chosen(self, symbol: str | None) -> Sequence[Running]:
        if symbol is None:
            return tuple(self._autopilots)
        running = self._autopilots.find(symbol)
        if running is None:
            raise NotFound(f"{symbol} is not running", hint="autopilot status shows the symbols that run")
        return (running,)

    def _requested(self, symbol: str, request: StartRequest) -> AutopilotSettings:
        """Options that are not given are those of the running symbol, else of the configuration."""
        running = self._autopilots.find(symbol)
        present = running.autopilot.settings if running else self._configured(symbol)
        exchange = request.exchange or present.exchange
        interval_s = request.interval or present.interval_s
        if interval_s < SHORTEST_INTERVAL_S and MarketKind.of(exchange) is MarketKind.REAL:
            raise ConfigError(
                f"an interval of {interval_s:g} s is too short for the exchange {exchange}",
                hint=f"use at least {SHORTEST_INTERVAL_S:g} second",
            )
        auto_execute = present.evaluation.auto_execute
        settings = self._config.trading(
            symbol,
            exchange=exchange,
            timeframe=request.timeframe or present.timeframe,
            interval_s=interval_s,
            paper_trading=present.paper_trading if request.paper_trading is None else request.paper_trading,
            auto_execute=auto_execute if request.auto_execute is None else request.auto_execute,
        )
        if is_live(settings.account):
            self._require_arming(settings)
        return settings

    def _configured(self, symbol: str) -> AutopilotSettings:
        config = self._config
        return config.trading(
            symbol,
            exchange=config.exchange,
            timeframe=config.timeframe,
            interval_s=config.interval,
            paper_trading=config.paper_trading,
            auto_execute=config.auto_execute,
        )

    def _require_arming(self, settings: AutopilotSettings) -> None:
        """Raises SafetyRefused if the account is not armed, unless it holds the symbol: every position is
        monitored."""
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
            f"cannot trade real money on {settings.exchange}: {why}; nothing was started",
            hint=f"autopilot arm --exchange {settings.exchange} --max-value AMOUNT, or start with --paper",
        )

    def _stored_settings(self, entry: AutopilotEntry) -> AutopilotSettings:
        return self._config.trading(
            entry.symbol,
            exchange=entry.exchange,
            timeframe=entry.timeframe,
            interval_s=entry.interval_s,
            paper_trading=entry.paper_trading,
            auto_execute=entry.auto_execute,
        )

    def _save(self, running: Running, *, is_running: bool) -> None:
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

    def _forget_unresumed(self, symbol: str) -> Document:
        """Stop trying to run a symbol that could not be resumed."""
        entry = next(entry for entry in self._store.load_autopilots() if entry.symbol == symbol)
        self._store.save_autopilot(replace(entry, running=False))
        self._autopilots.forget(symbol)
        return {"stopped": [symbol], "flattened": [], "warnings": self._unmonitored([symbol]), "daemon": "running"}

    def _unmonitored(self, symbols: Sequence[str]) -> list[str]:
        held: list[dict[str, Any]] = queries.positions(self._database.path)["positions"]
        waiting = queries.orders(self._database.path, limit=-1, open_only=True)["orders"]
        resting = {(order["account"], order["symbol"]) for order in waiting if order["type"] == OrderType.STOP}
        return [
            _warning(position, at_exchange=(position["account"], position["symbol"]) in resting)
            for position in held
            if position["symbol"] in symbols
        ]


def _live(stored: Document, running: Running, next_cycle_ms: int | None) -> Document:
    autopilot, record = running.autopilot, running.autopilot.record
    candles, quote = autopilot.window.candles, autopilot.window.quote
    return {
        **stored,
        "state": record.state.value,
        "running": True,
        "message": record.message or None,
        "hint": record.hint or None,
        "price": quote.price if quote else stored["price"],
        "ohlcv_data": {
            "candles": len(candles),
            "first_at_ms": int(candles.open_at_ms[0]) if len(candles) else None,
            "last_at_ms": int(candles.open_at_ms[-1]) if len(candles) else None,
        },
        "strategy_instances": list(autopilot.strategy_names),
        "cycles": record.cycles,
        "errors": record.errors,
        "last_cycle_at_ms": record.last_cycle_at_ms,
        "next_cycle_at_ms": next_cycle_ms,
        "last_error": record.last_error,
        "differences": list(record.differences),
    }


def _warning(position: Document, *, at_exchange: bool) -> str:
    held = f"{position['symbol']}: {position['quantity']} still held in {position['account']}"
    if at_exchange:
        return f"{held} and not monitored; its stop order stays on the exchange; autopilot start monitors it again"
    return f"{held}; neither the position nor its stop is monitored; autopilot start monitors them again"
