"""The work of `autopilot arm` and `autopilot disarm`, beside a running daemon or without one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from autopilot.adapters.audit_head import read_head
from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.venues.opening import live_account
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.audit import verify_all
from autopilot.adapters.store.autopilots import SqliteAutopilots
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.models import SqliteModels
from autopilot.app.audit_log import audited, this_process
from autopilot.app.trading.arming_check import ArmingRequest, Deciding, Finding, LocalFacts, arming_findings
from autopilot.config.load import load
from autopilot.config.paths import Paths, create_directories
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Arming
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.errors import ModelError
from autopilot.domain.market import CandleKind
from autopilot.domain.model_state import ModelScope
from autopilot.domain.order import Order, Purpose
from autopilot.domain.timeframe import DAY_MS
from autopilot.strategies.registry import load_strategies


@dataclass(frozen=True, slots=True)
class Armings:
    """The authorizations to trade real money in one data directory."""

    paths: Paths
    database: Database
    armings: SqliteArmings

    async def findings(self, wanted: ArmingRequest, keys: ExchangeKeys) -> tuple[Finding, ...]:
        """The results of all checks of the account. Raises StoreError."""
        verdict = verify_all(self.database.path, read_head(self.paths.audit_head))
        facts = LocalFacts(
            paper=self.armings.paper_record(exchange_of(wanted.account)),
            unsettled=self.armings.unsettled(wanted.account),
            audit_problem=verdict.problem,
            audit_breaks=verdict.breaks,
            free_bytes=shutil.disk_usage(self.paths.data_dir).free,
            deciding=await self._deciding(wanted),
        )
        clock = ExchangeClock(exchange_of(wanted.account))
        account = live_account(wanted.account, keys, clock, self.paths.data_dir)
        try:
            return await arming_findings(wanted, facts, account, SqliteLedger(self.database))
        finally:
            await account.close()

    async def _deciding(self, wanted: ArmingRequest) -> tuple[Deciding, ...]:
        """What decides about real candles of each timeframe that the account trades: as configured, and as its symbols
        were started."""
        life_ms = load(self.paths).config.model.life_days * DAY_MS
        models, files = SqliteModels(self.database), ModelFiles(self.paths.models_dir)
        readings = FirstReadings(self.database, None, FIRST_READER)
        champions = Champions(models, files, load_strategies().groups, life_ms, readings)
        await champions.refresh()
        entries = SqliteAutopilots(self.database).load_autopilots()
        started = {entry.timeframe for entry in entries if entry.account == wanted.account and entry.running}
        timeframes = sorted({wanted.timeframe, *started}, key=lambda each: each.ms)
        return tuple(_deciding(champions, ModelScope(CandleKind.REAL, each)) for each in timeframes)

    def arm(self, wanted: ArmingRequest, span_ms: int) -> Arming:
        """Arm the account from now on, for ``span_ms``. Raises StoreError."""
        now_ms = WallClock().now_ms()
        arming = Arming(
            account=wanted.account,
            currency=wanted.currency,
            max_value=wanted.max_value,
            unproven=wanted.unproven,
            armed_at_ms=now_ms,
            expires_at_ms=now_ms + span_ms,
            actor=this_process(),
        )
        return self.armings.arm(arming)

    def disarm(self, account: str | None) -> tuple[str, ...]:
        """Disarm one account, or all if ``account`` is None. Returns those that were armed. Raises StoreError."""
        now_ms = WallClock().now_ms()
        accounts = self.armings.accounts() if account is None else (account,)
        return tuple(name for name in accounts if self.armings.disarm(name, now_ms))

    def resting_entries(self, account: str | None) -> tuple[Order, ...]:
        """Buy orders with real money that were sent and may still be filled. Raises StoreError."""
        ledger = SqliteLedger(self.database)
        live = [name for name in ledger.busy_accounts() if is_live(name) and account in (None, name)]
        return tuple(order for name in live for order in ledger.open_orders(name) if order.purpose is Purpose.ENTRY)


@contextmanager
def open_armings(paths: Paths) -> Iterator[Armings]:
    """Raises ConfigError, StoreError."""
    create_directories(paths)
    with closing(open_database(paths.database)) as database, audited(database, paths.audit_head) as trail:
        yield Armings(paths, database, SqliteArmings(database, trail))


def _deciding(champions: Champions, scope: ModelScope) -> Deciding:
    try:
        return Deciding(scope, champions.usable(scope, WallClock().now_ms()).state)
    except ModelError as error:
        return Deciding(scope, None, str(error))
