"""Pause, resume and panic without a daemon: the command itself does the same steps.

Modules for exchanges are imported only when an exchange is reached: a mode is stored at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autopilot.adapters.clock import WallClock
from autopilot.adapters.lock import AlreadyRunning, hold_lock
from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.app.audit_log import audited, commanded, this_process
from autopilot.app.trading.modes import TradingControl, results_document
from autopilot.config.paths import Paths, create_directories
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.document_types import Document
from autopilot.domain.errors import StoreUnavailable
from autopilot.domain.trading_mode import EVERY_ACCOUNT
from autopilot.engine.account_result import AccountResult, Remainder
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.liquidation import Liquidation
from autopilot.execution.restrictions import Restrictions

if TYPE_CHECKING:
    from autopilot.app.trading.accounts import OpenAccount

Keys = Callable[[str], ExchangeKeys]
"""Returns our keys on an exchange. Called only for accounts with real money."""


async def pause(paths: Paths, exchange: str | None, keys: Keys) -> Document:
    """Raises AlreadyRunning, ConfigError, StoreError."""
    async with _control(paths, keys, "pause", {"exchange": exchange}) as control:
        with hold_lock(paths.lock_file):
            return await control.pause(exchange, this_process())


async def resume(paths: Paths, exchange: str | None, keys: Keys, *, write_off: bool = False) -> Document:
    """Raises AlreadyRunning, Conflict, ConfigError, StoreError."""
    async with _control(paths, keys, "resume", {"exchange": exchange, "write_off": write_off}) as control:
        with hold_lock(paths.lock_file):
            return await control.resume(exchange, this_process(), write_off=write_off)


async def panic(paths: Paths, keys: Keys, *, flatten: bool) -> Document:
    """The mode is stored even if a daemon that does not answer holds the data directory: it obeys as soon as it runs
    again. Raises ConfigError, StoreError if the mode cannot be stored."""
    try:
        async with _control(paths, keys, "panic", {"flatten": flatten}) as control:
            try:
                with hold_lock(paths.lock_file):
                    return await control.panic(this_process(), flatten=flatten)
            except AlreadyRunning as hung:
                return control.halt(this_process()) | results_document([_hung(hung.pid)])
    except StoreUnavailable as error:
        raise _nothing_halted(paths, error) from error


def _nothing_halted(paths: Paths, error: StoreUnavailable) -> StoreUnavailable:
    """The error with the process to end: a daemon that hangs within a transaction blocks every other writer."""
    message, hint = f"NOTHING WAS HALTED: {error}", error.hint
    try:
        with hold_lock(paths.lock_file):
            return StoreUnavailable(message, hint=hint)
    except AlreadyRunning as hung:
        return StoreUnavailable(message, hint=f"{_end(hung.pid)}, then run it again")


def _end(pid: int | None) -> str:
    return "end the daemon" if pid is None else f"kill -9 {pid}"


def _hung(pid: int | None) -> AccountResult:
    daemon = "the daemon" if pid is None else f"the daemon (process {pid})"
    what = f"{daemon} does not do it and holds the data directory; no order was canceled and nothing sold"
    return AccountResult(EVERY_ACCOUNT, left=[Remainder("*", what, f"{_end(pid)}, then run it again")])


@asynccontextmanager
async def _control(paths: Paths, keys: Keys, command: str, request: Document) -> AsyncIterator[TradingControl]:
    create_directories(paths)
    clock = WallClock()
    with (
        closing(open_database(paths.database)) as database,
        audited(database, paths.audit_head) as trail,
        commanded(database, trail, command, request),
    ):
        events = EventLog(clock.now_ms)
        modes, watch = SqliteTradingModes(database, trail), AccountWatch(clock, events)
        accounts = _Accounts(paths, database, trail, events, Restrictions(modes, watch), keys)
        busy = SqliteLedger(database).busy_accounts
        try:
            yield TradingControl(modes, watch, busy, accounts.liquidation, events, clock)
        finally:
            await accounts.close()


@dataclass(slots=True)
class _Accounts:
    """Accounts that are opened at their first use, so that no error of theirs keeps a mode from being stored."""

    paths: Paths
    database: Database
    trail: AuditTrail
    events: EventLog
    restrictions: Restrictions
    keys: Keys
    opened: dict[str, OpenAccount] = field(default_factory=dict)

    def liquidation(self, account: str) -> Liquidation:
        """Raises ConfigError, UnknownExchange, StoreError; for a live account as ``keys`` does."""
        from autopilot.app.trading.accounts import AccountOpener
        from autopilot.config.load import load

        if account not in self.opened:
            config = load(self.paths).config
            opener = AccountOpener(config, self.database, self.events, self.restrictions, self.trail, self.keys)
            self.opened[account] = opener.open(account)
        return self.opened[account].liquidation

    async def close(self) -> None:
        for account in self.opened.values():
            await account.close()
