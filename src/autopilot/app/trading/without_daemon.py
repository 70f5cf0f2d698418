"""Pause, resume and panic where no daemon answers: the same steps, done by the command itself.

What only reaches an exchange is imported when one is to be reached: a mode is stored at once.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autopilot.adapters.clock import WallClock
from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.app.audit_log import audited, commanded
from autopilot.app.lock import AlreadyRunning, hold_lock
from autopilot.app.trading.modes import TradingControl, told
from autopilot.config.paths import Paths, create_directories
from autopilot.control.peer import Peer
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.document_types import Document
from autopilot.domain.errors import StoreUnavailable
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.liquidation import AccountResult, Liquidation, Remainder
from autopilot.execution.restrictions import Restrictions
from autopilot.ports.trading_modes import EVERY_ACCOUNT

if TYPE_CHECKING:
    from autopilot.app.trading.accounts import Venue, Wiring

Keys = Callable[[str], ExchangeKeys]
"""Those of our account on an exchange, asked for when real money is to be reached."""


async def pause(paths: Paths, exchange: str | None, keys: Keys) -> Document:
    """Raises AlreadyRunning, ConfigError, StoreError."""
    async with _control(paths, keys, "pause", {"exchange": exchange}) as control:
        with hold_lock(paths.lock_file):
            return await control.pause(exchange, _actor())


async def resume(paths: Paths, exchange: str | None, keys: Keys) -> Document:
    """Raises AlreadyRunning, Conflict, ConfigError, StoreError."""
    async with _control(paths, keys, "resume", {"exchange": exchange}) as control:
        with hold_lock(paths.lock_file):
            return await control.resume(exchange, _actor())


async def panic(paths: Paths, keys: Keys, *, flatten: bool) -> Document:
    """The mode is stored even where a daemon that does not do it holds the data directory: it obeys it as soon as it
    comes to itself. Raises ConfigError, StoreError when not even that can be done."""
    try:
        async with _control(paths, keys, "panic", {"flatten": flatten}) as control:
            try:
                with hold_lock(paths.lock_file):
                    return await control.panic(_actor(), flatten=flatten)
            except AlreadyRunning as hung:
                return control.halt(_actor()) | told([_hung(hung.pid)])
    except StoreUnavailable as error:
        raise _nothing_halted(paths, error) from error


def _nothing_halted(paths: Paths, error: StoreUnavailable) -> StoreUnavailable:
    """A daemon that hangs within a transaction keeps everybody else from writing."""
    message, hint = f"NOTHING WAS HALTED: {error}", error.hint
    try:
        with hold_lock(paths.lock_file):
            return StoreUnavailable(message, hint=hint)
    except AlreadyRunning as hung:
        return StoreUnavailable(message, hint=f"{_end(hung.pid)}, then say it once more")


def _end(pid: int | None) -> str:
    return "end the daemon" if pid is None else f"kill -9 {pid}"


def _actor() -> str:
    return str(Peer(os.getpid(), os.getuid()))


def _hung(pid: int | None) -> AccountResult:
    daemon = "the daemon" if pid is None else f"the daemon (process {pid})"
    what = f"{daemon} does not do it and holds the data directory; no order was canceled and nothing sold"
    return AccountResult(EVERY_ACCOUNT, left=[Remainder("*", what, f"{_end(pid)}, then say it once more")])


@asynccontextmanager
async def _control(paths: Paths, keys: Keys, command: str, asked: Document) -> AsyncIterator[TradingControl]:
    create_directories(paths)
    clock = WallClock()
    with (
        closing(open_database(paths.database)) as database,
        audited(database, paths.audit_head) as trail,
        commanded(database, trail, command, asked),
    ):
        events = EventLog(clock.now_ms)
        modes, watch = SqliteTradingModes(database, trail), AccountWatch(clock, events)
        venues = _Venues(paths, database, trail, modes, watch, events, keys)
        busy = SqliteLedger(database).busy_accounts
        try:
            yield TradingControl(modes, watch, busy, venues.open_account, events, clock)
        finally:
            await venues.close()


@dataclass(slots=True)
class _Venues:
    """Opened when they are needed: nothing that can fail there keeps a mode from being stored."""

    paths: Paths
    database: Database
    trail: AuditTrail
    modes: SqliteTradingModes
    watch: AccountWatch
    events: EventLog
    keys: Keys
    opened: dict[str, Venue] = field(default_factory=dict)

    def open_account(self, account: str) -> Liquidation:
        """Raises ConfigError, UnknownExchange, StoreError; of a live account what unlocking its keys raises."""
        if account not in self.opened:
            self.opened[account] = self._wiring().open_venue(account)
        return self.opened[account].liquidation

    async def close(self) -> None:
        for venue in self.opened.values():
            await venue.close()

    def _wiring(self) -> Wiring:
        """Nothing is decided here: a user's own strategy that cannot be loaded must not be in the way."""
        from autopilot.adapters.models.champion import Champion
        from autopilot.adapters.models.files import ModelFiles
        from autopilot.adapters.sentiment.offline import NeutralSentiment
        from autopilot.adapters.store.models import SqliteModels
        from autopilot.app.trading.accounts import Wiring
        from autopilot.config.load import load
        from autopilot.strategies.registry import StrategySet, builtin_strategies

        config = load(self.paths).config
        champion = Champion(SqliteModels(self.database), ModelFiles(self.paths.models_dir), 0)
        restrictions = Restrictions(self.modes, self.watch)
        return Wiring(
            config,
            self.database,
            self.events,
            StrategySet(builtin_strategies()),
            NeutralSentiment(),
            champion,
            restrictions,
            self.watch,
            self.trail,
            self.keys,
        )
