"""The registry of running autopilots: starting, stopping, resuming, and their jobs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from autopilot.adapters.store.database import Database
from autopilot.app.trading.autopilots import Venue
from autopilot.daemon.lock_wait import LOOK_S, lock_ends
from autopilot.daemon.memory import give_back_memory
from autopilot.daemon.scheduler import JobScheduler
from autopilot.domain.errors import AutopilotError, StoreLocked, UnknownSymbol, UnknownTimeframe
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.settings import AutopilotSettings
from autopilot.engine.state import RunState
from autopilot.ports.ledger import Ledger

FIRST_CYCLE_S = 9.0
"""How long starting waits for the first cycles before it says that a symbol is still starting."""
LAST_CYCLE_S = 12.0
"""How long stopping waits for a cycle that is under way."""
log = logging.getLogger(__name__)


@dataclass(slots=True)
class Running:
    """An autopilot and its job. ``idle`` is set while no cycle is under way, and no cycle begins while it is
    ``stopping``."""

    autopilot: IntelligentAutopilot
    venue: Venue
    database: Database
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    stopping: bool = False

    async def cycles(self) -> None:
        """One run of the job: a cycle, and those that can follow at once."""
        self.idle.clear()
        try:
            more = True
            while more and not self.stopping:
                more = await self.autopilot.run_cycle() or await self._lock_ends()
                # Others want the loop too: a stored market at full speed would never let go of it.
                await asyncio.sleep(0)
        finally:
            self.idle.set()
            # Whoever hears that the market has ended finds all its decisions.
            self.database.commit_group()

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

    def next_cycle_ms(self, symbol: str) -> int | None:
        return self._scheduler.next_run_ms(symbol)

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
        self._scheduler.remove(symbol)
        await running.pause()
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
            running = Running(venue.make(settings), venue, self._database)
            running.idle.set()
            self._running[settings.symbol] = running
            self.forget(settings.symbol)
            self._scheduler.add(settings.symbol, running.cycles, settings.interval_s)
            launched.append(running)
        return launched
