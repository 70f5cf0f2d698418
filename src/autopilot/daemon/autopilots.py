"""The registry of running autopilots: starting, stopping, resuming, and their jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from autopilot.adapters.store.database import Database
from autopilot.app.trading.autopilots import Venue
from autopilot.daemon.lock_wait import LOOK_S, lock_ends
from autopilot.daemon.memory import give_back_memory
from autopilot.daemon.scheduler import CloseTrigger, JobScheduler
from autopilot.daemon.symbol_stream import SymbolStream
from autopilot.domain.errors import AutopilotError, MarketUnavailable, StoreLocked, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import MarketKind
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.settings import AutopilotSettings
from autopilot.engine.state import RunState
from autopilot.ports.ledger import Ledger

FIRST_CYCLE_S = 9.0
"""How long starting waits for the first cycles before it says that a symbol is still starting."""
LAST_CYCLE_S = 12.0
"""How long stopping waits for a cycle that is under way."""
AFTER_CLOSE_MS = 1_000
"""Between a close and its first cycle, by the exchange's clock: a moment earlier, few exchanges have the candle."""
APART_MS = 25
"""Between the cycles of two symbols at the same close."""
QUEUE_MS = 4_000
"""Requests wait as long for the exchange's limit. If all of a close take longer, each cycle waits for its turn instead:
a request that waits too long fails."""
REPEATS_S = (1.0, 2.0, 4.0)
"""Pauses between the cycles after a close, while the exchange does not show the candle for good or does not answer.
After them the interval goes on."""
CLOSE_IS_NEAR_S = 2.0
"""Within this time before the cycle of a close there is no other one, which would delay it."""
log = logging.getLogger(__name__)


class NextRuns(NamedTuple):
    """The wall-clock times of a symbol's next cycle, and of its next cycle at a close; None without any."""

    cycle_ms: int | None
    close_ms: int | None


@dataclass(slots=True)
class Running:
    """An autopilot and its jobs. ``idle`` is set while no cycle is under way, and no cycle begins while it is
    ``stopping``."""

    autopilot: IntelligentAutopilot
    venue: Venue
    database: Database
    scheduler: JobScheduler
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False
    stream: SymbolStream | None = None
    _is_wanted: bool = True
    """Whether a cycle is wanted soon, whatever is due."""
    _repeats: int = 0
    """Cycles since the last close because its candle was not there."""

    @property
    def close_job(self) -> str:
        """The name of the job that runs a cycle at each close. The job of the interval has the symbol's name."""
        return f"{self.autopilot.symbol} close"

    def launch(self, delay_ms: Callable[[], int]) -> None:
        """Start the jobs. ``delay_ms``: how long after a close of a real market its cycle begins."""
        self.idle.set()
        settings, source = self.autopilot.settings, self.venue.source
        self.scheduler.add(settings.symbol, self.cycles, settings.interval_s)
        if source.kind is MarketKind.REAL:
            trigger = CloseTrigger(settings.timeframe, source.clock.likely_ms, delay_ms)
            self.scheduler.add_at(self.close_job, self._closed, trigger)
        if self.venue.streams:
            hear = partial(self._hear, delay_ms)
            self.stream = SymbolStream(self.venue.streams, self.autopilot, hear, lambda: self.stopping)

    def end(self) -> None:
        """No further run begins."""
        self.scheduler.remove(self.autopilot.symbol)
        self.scheduler.remove(self.close_job)

    def run_soon(self) -> None:
        """Run a cycle at once or, if one is under way, right after it."""
        self._is_wanted = True
        if self.idle.is_set():
            self.scheduler.run_in(self.autopilot.symbol, 0.0)

    def _hear(self, delay_ms: Callable[[], int]) -> None:
        """The stream has news. The cycle of a close that is near comes soon enough, and would be delayed; so does one
        that waits for its turn after a close."""
        if not self.scheduler.is_due_within(self.close_job, max(CLOSE_IS_NEAR_S, delay_ms() / 1000)):
            self.run_soon()

    async def _closed(self) -> None:
        self._repeats = 0
        self.run_soon()

    async def cycles(self) -> None:
        """One run of the interval's job: a cycle, and those that can follow at once."""
        if not self._is_wanted and self.scheduler.is_due_within(self.close_job, CLOSE_IS_NEAR_S):
            return
        self.idle.clear()
        try:
            more = True
            while (more or self._is_wanted) and not self.stopping:
                self._is_wanted = False
                more = await self.autopilot.run_cycle() or await self._lock_ends()
                # Others want the loop too: a stored market at full speed would never let go of it.
                await asyncio.sleep(0)
            self._repeat()
            if self.stream:
                self.stream.compare()
        finally:
            self.idle.set()
            # Whoever hears that the market has ended finds all its decisions.
            self.database.commit_group()

    def _repeat(self) -> None:
        """Run another cycle soon if the candle that has closed is still to come."""
        record = self.autopilot.record
        has_failed = record.state is RunState.RETRYING and isinstance(record.failure, MarketUnavailable)
        if (has_failed or self.autopilot.window.awaits_candle) and self._repeats < len(REPEATS_S):
            self._is_wanted = True
            self.scheduler.run_in(self.autopilot.symbol, REPEATS_S[self._repeats])
            self._repeats += 1

    async def _lock_ends(self) -> bool:
        """After a cycle that failed because another program holds the database: wait until it does not, so that an exit
        that is due need not wait for the next interval. Returns False after another cycle, and if the symbol is to
        stop."""
        record = self.autopilot.record
        if record.state is not RunState.RETRYING or not isinstance(record.failure, StoreLocked):
            return False
        # At least one pause: a program that writes again and again leaves only short gaps.
        await asyncio.sleep(LOOK_S)
        await lock_ends(self.database.is_locked, lambda: self.stopping)
        return not self.stopping

    async def pause(self) -> None:
        """Let the cycle under way end, and begin no other."""
        self.stopping = True
        self.autopilot.hurry(stopping=True)
        try:
            await asyncio.wait_for(self.idle.wait(), LAST_CYCLE_S)
        except TimeoutError:
            log.warning("%s: going on with a cycle still under way", self.autopilot.symbol)

    def go_on(self) -> None:
        """Undo `pause`."""
        self.stopping = False
        self.autopilot.hurry(stopping=False)


class Autopilots:
    """One autopilot a symbol. ``open_venue`` makes an account's venue at its first use; it raises UnknownExchange, and
    for real money ConfigError and SafetyRefused."""

    def __init__(
        self,
        open_venue: Callable[[str], Venue],
        ledger: Ledger,
        scheduler: JobScheduler,
        database: Database,
    ) -> None:
        self._open_venue = open_venue
        self._database = database
        self._ledger = ledger
        self._scheduler = scheduler
        self._venues: dict[str, Venue] = {}
        self._running: dict[str, Running] = {}
        self._left_out: dict[str, AutopilotError] = {}

    def __iter__(self) -> Iterator[Running]:
        return iter(tuple(self._running.values()))

    def find(self, symbol: str) -> Running | None:
        return self._running.get(symbol)

    def left_out(self, symbol: str) -> AutopilotError | None:
        """Why the symbol could not be resumed; None if it runs, or was not to be resumed."""
        return self._left_out.get(symbol)

    def forget(self, symbol: str) -> None:
        """Do not run the symbol any more."""
        self._left_out.pop(symbol, None)

    def run_soon(self, symbol: str) -> None:
        """Run a cycle of the symbol at once or, if one is under way, right after it. A symbol that does not run is
        fine."""
        if running := self.find(symbol):
            running.run_soon()

    def next_runs(self, running: Running) -> NextRuns:
        find = self._scheduler.next_run_ms
        return NextRuns(find(running.autopilot.symbol), find(running.close_job))

    async def start(self, wanted: Sequence[AutopilotSettings]) -> list[Running]:
        """Start those that do not run yet, start those with other settings again, and wait a little for the first
        cycles of all; returns those that were started.

        Raises UnknownExchange, UnknownSymbol, UnknownTimeframe, and the errors of a stored market or of real money;
        then everything is as before. A market that cannot be reached is not an error: its symbol is retrying.
        """
        fresh = [settings for settings in wanted if not self._runs_so(settings)]
        for settings in fresh:
            self._venue(settings.account)
        replaced = [running.autopilot.settings for settings in fresh if (running := self.find(settings.symbol))]
        await asyncio.gather(*(self.stop(settings.symbol) for settings in replaced))
        try:
            for settings in fresh:
                self._join(settings)
                await asyncio.sleep(0)
            launched = self._launch(fresh)
            await self.wait_for_cycles([settings.symbol for settings in wanted])
            self._require_markets(launched)
        except AutopilotError:
            for settings in fresh:
                await self.stop(settings.symbol)
                # A stored market waits for every symbol that has subscribed, also for one that was not launched.
                self._venue(settings.account).source.unsubscribe(settings.symbol)
            self.resume(replaced)
            raise
        return launched

    def resume(self, wanted: Sequence[AutopilotSettings]) -> list[Running]:
        """Start symbols that ran before or are held, without waiting; returns those that were started. Failures are
        logged and kept in `left_out`."""
        return self._launch([settings for settings in wanted if self._has_joined(settings)])

    async def take_up(self, wanted: Sequence[AutopilotSettings]) -> list[Running]:
        """As `resume`, while clients wait for other answers."""
        joined = []
        for settings in wanted:
            joined += [settings] if self._has_joined(settings) else []
            await asyncio.sleep(0)
        return self._launch(joined)

    def _has_joined(self, settings: AutopilotSettings) -> bool:
        try:
            self._join(settings)
        except AutopilotError as error:
            log.error("%s could not be resumed: %s", settings.symbol, error)  # noqa: TRY400 - it is no surprise
            self._left_out[settings.symbol] = error
            return False
        return True

    async def wait_for_cycles(self, symbols: Sequence[str]) -> None:
        """Wait for the first cycles of those that run, but not long, and not for work that takes long."""
        running = [running for each in symbols if (running := self.find(each))]
        if running:
            begun = [asyncio.ensure_future(each.autopilot.begun.wait()) for each in running]
            _, late = await asyncio.wait(begun, timeout=FIRST_CYCLE_S)
            for task in late:
                task.cancel()
            await give_back_memory()

    async def stop(self, symbol: str) -> None:
        """Let the cycle under way end, then forget the symbol. Its orders and positions stay as they are."""
        running = self._running.get(symbol)
        if running is None:
            return
        running.end()
        await running.pause()
        if running.stream:
            await running.stream.end()
        running.venue.source.unsubscribe(symbol)
        running.autopilot.end()
        self._running.pop(symbol, None)

    async def close(self) -> None:
        """Stop all symbols and close the exchanges. The next start resumes the symbols."""
        await asyncio.gather(*(self.stop(symbol) for symbol in tuple(self._running)))
        self._scheduler.stop()
        for venue in self._venues.values():
            await venue.close()

    def _runs_so(self, settings: AutopilotSettings) -> bool:
        running = self._running.get(settings.symbol)
        return running is not None and running.autopilot.settings == settings

    @staticmethod
    def _require_markets(launched: Sequence[Running]) -> None:
        """Raises UnknownSymbol and UnknownTimeframe if a first cycle found no market to trade on."""
        for running in launched:
            failure = running.autopilot.record.failure
            if isinstance(failure, UnknownSymbol | UnknownTimeframe) and not running.autopilot.record.decisions:
                raise failure

    def _venue(self, account: str) -> Venue:
        if account not in self._venues:
            self._venues[account] = self._open_venue(account)
        return self._venues[account]

    def open_account(self, account: str) -> Liquidation:
        """The orders and positions of an account, opened if no symbol runs on it. Raises as opening a venue does."""
        return self._venue(account).liquidation

    def _join(self, settings: AutopilotSettings) -> None:
        venue = self._venue(settings.account)
        decided_at_ms = self._ledger.last_decided_at_ms(venue.account, settings.symbol, settings.timeframe)
        resume_at_ms = None if decided_at_ms is None else decided_at_ms + settings.timeframe.ms
        venue.source.subscribe([settings.symbol], settings.timeframe, resume_at_ms)

    def _launch(self, joined: Sequence[AutopilotSettings]) -> list[Running]:
        """Start the jobs, after all symbols have subscribed: a stored market then hands out its candles in order."""
        launched = []
        for settings in joined:
            venue = self._venues[settings.account]
            running = Running(venue.make(settings), venue, self._database, self._scheduler)
            self._running[settings.symbol] = running
            self.forget(settings.symbol)
            running.launch(partial(self._delay_ms, settings))
            launched.append(running)
        return launched

    def _delay_ms(self, settings: AutopilotSettings) -> int:
        """How long after a close the symbol's cycle begins: one after the other, in the order of their names."""
        account = settings.account
        names = sorted(name for name, each in self._running.items() if each.autopilot.settings.account == account)
        request_ms = self._venues[account].request_ms
        apart_ms = request_ms if request_ms * len(names) > QUEUE_MS else APART_MS
        return AFTER_CLOSE_MS + int(apart_ms * names.index(settings.symbol))
