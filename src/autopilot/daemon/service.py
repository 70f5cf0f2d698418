"""Starts, stops and shows autopilots for the daemon's clients."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.views.problems import unmonitored_words
from autopilot.adapters.store.views.queries import read_view
from autopilot.adapters.store.views.status import LiveState, status_document
from autopilot.app.audit_log import DaemonAudit
from autopilot.app.models.registry import ModelRegistry
from autopilot.app.report.performance import performance_report
from autopilot.app.trading.clock_watch import ClockWatch
from autopilot.app.trading.modes import TradingControl
from autopilot.app.training.tasks import TrainingTasks
from autopilot.config.schema import AutopilotConfig
from autopilot.control.requests import ExitRequest, StartRequest, StopRequest
from autopilot.daemon.autopilots import Autopilots, NextRuns, Running
from autopilot.daemon.lock_wait import lock_ends
from autopilot.daemon.symbol_control import SymbolControl
from autopilot.distribution import installed_version
from autopilot.domain.document_types import Document
from autopilot.domain.documents import document
from autopilot.domain.market import CandleKind
from autopilot.domain.stale_sentiment import StaleSentiment
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.events import EventLog
from autopilot.ports.clock import Clock
from autopilot.ports.restrictions import RestrictionSource

QUERY_THREADS = 4
COMMAND_WAIT_S = 2.0
"""Less than `autopilot panic` waits for an answer before it acts by itself."""


class AutopilotService:
    """Starts, stops and shows the symbols.

    The other parts of the daemon stand beside it for the server: ``trading``, ``models``, ``trainings``, ``events`` and
    ``audit``. ``closing`` is awaited when the daemon ends.
    """

    def __init__(
        self,
        config: AutopilotConfig,
        database: Database,
        symbols: SymbolControl,
        autopilots: Autopilots,
        trading: TradingControl,
        restrictions: RestrictionSource,
        models: ModelRegistry,
        trainings: TrainingTasks,
        events: EventLog,
        clock: Clock,
        clock_watch: ClockWatch,
        audit: DaemonAudit,
        stale_sentiment: Callable[[], StaleSentiment | None],
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
        self._symbols = symbols
        self._autopilots = autopilots
        self._restrictions = restrictions
        self._clock = clock
        self._clock_watch = clock_watch
        self._stale_sentiment = stale_sentiment
        self._ask_to_stop = ask_to_stop
        self._closing = closing
        self._started_at_ms = clock.now_ms()
        # Their own: the loop's threads look up the exchanges' addresses, which no query may delay.
        self._threads = ThreadPoolExecutor(QUERY_THREADS, "query")

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

    async def await_database(self) -> None:
        """Wait a little while another program holds the database, so that a short lock fails no command."""
        deadline = time.monotonic() + COMMAND_WAIT_S
        await lock_ends(self._database.is_locked, lambda: time.monotonic() > deadline)

    async def start(self, request: StartRequest) -> Document:
        """Raises as `SymbolControl.start` does."""
        done = await self._symbols.start(request)
        status = await self.status(None)
        listed = {symbol["symbol"]: symbol for symbol in status["symbols"]}
        return {
            "started": [listed[symbol] for symbol in listed if symbol in done.launched],
            "already_running": done.running,
            "running": [listed[symbol] for symbol in done.running],
            "taken_up": document(done.taken_up),
            "changed": [change._asdict() for change in done.changes],
            "left_out": [{"symbol": symbol, **why.document()} for symbol, why in done.left_out.items()],
            "warnings": unmonitored_words(status["health"]),
        }

    async def stop(self, request: StopRequest) -> Document:
        """Stop a symbol, or all of them and the daemon. Raises as `SymbolControl.stop` does."""
        done = await self._symbols.stop(request)
        ends = request.symbol is None and not done.left
        if ends:
            self._ask_to_stop()
        health = (await self.status(None))["health"]
        return {
            "stopped": done.symbols,
            "flattened": done.sold,
            "dust": done.dust,
            "left": document(done.left),
            "warnings": unmonitored_words(health, None if ends else done.symbols),
            "daemon": "stopping" if ends else "running",
        }

    async def exit(self, request: ExitRequest) -> Document:
        """Raises as `SymbolControl.exit` does."""
        return await self._symbols.exit(request)

    async def status(self, symbol: str | None) -> Document:
        """A `StatusDocument`: the live state over the stored one. Raises NotFound if the symbol was never started.

        Read in the event loop, so that both are of the same moment.
        """
        self._database.commit_group()
        models = self.models.loaded()
        live = LiveState(
            self.health(),
            models,
            partial(self._overlay, models),
            self._restrictions.restrictions,
            self.trading.books(),
            self._clock_watch.errors(),
            self._database.locked_at_ms,
            self._stale_sentiment(),
        )
        return status_document(self._database.path, self._clock.now_ms(), live, symbol)

    async def read(self, view: str, given: Mapping[str, Any]) -> Document:
        """A view of the database by its name in `VIEWS`. Raises NotFound."""
        return await self._aside(read_view, view, self._database.path, given)

    async def performance(self, symbol: str | None = None, days: int | None = None) -> Document:
        """The performance report. It takes a second where there is a year of decisions."""
        threshold = self._config.min_confidence_threshold
        return await self._aside(performance_report, self._database.path, threshold, symbol, days)

    async def card(
        self, model_id: str | None = None, kind: CandleKind | None = None, timeframe: Timeframe | None = None
    ) -> Document:
        """A model's card with its drift, which can take a second. Raises NotFound."""
        return await self._aside(self.models.with_drift, self.models.card(model_id, kind, timeframe))

    async def close(self) -> None:
        """Finish the cycles under way and close everything. May be canceled when there is no time left; that
        loses no more than a crash."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._autopilots.close()
        for close in self._closing:
            await close()
        self._database.close()

    async def _aside(self, work: Callable[..., Document], *given: Any) -> Document:
        """Cycles must not wait for it."""
        self._database.commit_group()
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given))

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
        return _live(stored, running, self._autopilots.next_runs(running))


def _live(stored: Document, running: Running, coming: NextRuns) -> Document:
    autopilot, record = running.autopilot, running.autopilot.record
    candles, quote = autopilot.window.candles, autopilot.window.quote
    streamed = running.stream.status if running.stream else None
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
        "next_cycle_at_ms": coming.cycle_ms,
        "next_close_cycle_at_ms": coming.close_ms,
        "stream": document(streamed),
        "last_error": record.last_error,
        "differences": list(record.differences),
    }
