"""The one composition root: every implementation is chosen here."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from functools import partial

from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange.exchange_clock import ExchangeClocks
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.models.first_reading import FIRST_READER
from autopilot.adapters.models.readings import FirstReadings
from autopilot.adapters.sentiment.fear_greed import FearGreed
from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.armings import NotArmed, SqliteArmings
from autopilot.adapters.store.autopilots import SqliteAutopilots
from autopilot.adapters.store.commit_group import CommitGroup
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.full_disk import FullDisk
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.log_proof import AnchoredLog
from autopilot.adapters.store.lost_champions import LostChampions
from autopilot.adapters.store.lost_places import SqliteLostPlaces
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.store.views.holdings import stored_holdings
from autopilot.app.audit_log import DaemonAudit
from autopilot.app.models.registry import ModelRegistry
from autopilot.app.models.watch import REVIEW_EVERY_S, ModelWatch, model_drift
from autopilot.app.trading.accounts import AccountOpener
from autopilot.app.trading.autopilots import Wiring
from autopilot.app.trading.books_watch import COMPARE_EVERY_S, BooksWatch
from autopilot.app.trading.clock_watch import WATCH_EVERY_S, ClockWatch
from autopilot.app.trading.modes import TradingControl
from autopilot.app.trading.passphrase import given_passphrase
from autopilot.app.training.tasks import TrainingTasks
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.config.schedule import cron_trigger
from autopilot.control.errors import KeysLocked
from autopilot.daemon.autopilots import Autopilots
from autopilot.daemon.healing import HEAL_EVERY_S, Healing
from autopilot.daemon.lifecycle import run_daemon
from autopilot.daemon.log import configure_logging, keep_memory_private
from autopilot.daemon.memory import GIVE_BACK_EVERY_S, give_back_memory
from autopilot.daemon.scheduler import JobScheduler
from autopilot.daemon.service import AutopilotService
from autopilot.daemon.symbol_control import SymbolControl
from autopilot.daemon.upkeep import Upkeep
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.timeframe import DAY_MS
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.execution.restrictions import AllowanceExceeded, Restrictions
from autopilot.strategies.registry import load_strategies

LOCK_WAIT_S = 0.25
"""How long a transaction of the daemon waits for another program's. Its event loop waits with it."""
HEALING_AFTER_S = 120.0
"""The start has enough to do."""
log = logging.getLogger(__name__)


def serve(paths: Paths) -> int:
    """`autopilot daemon`: serve until a signal or a client stops it. Raises AutopilotError if it cannot start."""
    gc.enable()
    keep_memory_private()
    configure_logging()

    async def opening(ask_to_stop: Callable[[], None]) -> AutopilotService:
        return open_service(paths, ask_to_stop)

    asyncio.run(run_daemon(opening, paths))
    return 0


def open_service(paths: Paths, ask_to_stop: Callable[[], None]) -> AutopilotService:
    """All of a daemon but its socket, begun inside a running event loop. Raises AutopilotError if it cannot start."""
    config = load(paths).config
    database = _opened(paths)
    clock, clocks = WallClock(), ExchangeClocks()
    events = EventLog(clock.now_ms)
    index = FearGreed(SqliteSentiment(database))
    sentiment = index if config.sentiment.enabled else NeutralSentiment()
    audit = DaemonAudit(database, paths.audit_head, config)
    trained, files = SqliteModels(database, audit.trail), ModelFiles(paths.models_dir)
    strategies, keys = load_strategies(), _unlocked(paths)
    readings = FirstReadings(database, audit.trail, FIRST_READER)
    champions = Champions(trained, files, strategies.groups, config.model.life_days * DAY_MS, readings)
    drift = partial(model_drift, paths.database, config.acting())
    models = ModelRegistry(trained, SqliteLostPlaces(database), files, clock, config.scope(), drift, champions.status)
    modes = SqliteTradingModes(database, audit.trail)
    watch, clock_watch = AccountWatch(clock, events), ClockWatch(clocks, events)
    armings = SqliteArmings(database, audit.trail)
    overdrawn = AllowanceExceeded(SqliteLedger(database), armings.allowance, clocks)
    allows_unproven = config.model.allow_unproven
    lost = LostChampions(database, armings, clocks.now_ms, champions.damage, allows_unproven=allows_unproven)
    unarmed, log_kept, full = NotArmed(armings, clocks.now_ms), AnchoredLog(database), FullDisk(database.ballast)
    restrictions = Restrictions(modes, watch, unarmed, overdrawn, lost, log_kept, full)
    accounts = AccountOpener(config, database, events, restrictions, audit.trail, keys, clocks)
    wiring = Wiring(accounts, strategies, sentiment, champions, watch)
    scheduler = JobScheduler()
    ledger = SqliteLedger(database, audit.trail)
    autopilots = Autopilots(wiring.open_venue, ledger, scheduler, database)
    trading = TradingControl(modes, watch, ledger.busy_accounts, autopilots.open_account, events, clock)
    books = BooksWatch(ledger.busy_accounts, autopilots.open_account, watch)
    trainings = TrainingTasks(paths, SqliteTasks(database), clock, champions.refresh)
    reviews = ModelWatch(trained, files, drift, clock, champions.refresh, trainings.start_again)
    held = partial(stored_holdings, paths.database)
    symbols = SymbolControl(config, SqliteAutopilots(database), autopilots, armings, held, clocks)
    upkeep = Upkeep(database, clock, config.data.keep_decisions_days)
    service = AutopilotService(
        config,
        database,
        symbols,
        autopilots,
        trading,
        restrictions,
        models,
        trainings,
        events,
        clocks,
        clock_watch,
        audit,
        ask_to_stop,
        closing=[upkeep.close, trainings.close, champions.close, index.close, audit.close],
    )
    trainings.open()
    _start_jobs(scheduler, upkeep, books, clock_watch, reviews, Healing(partial(iter, autopilots), database))
    if config.training.schedule:
        scheduler.add_at("training", trainings.start_by_itself, cron_trigger(config.training.schedule))
    audit.open()
    _say_lost_places(database)
    symbols.resume()
    return service


def _say_lost_places(database: Database) -> None:
    for place in SqliteLostPlaces(database).vacant():
        log.warning("%s", place)


def _opened(paths: Paths) -> Database:
    """The daemon's database, with its ballast if there is room for it. Raises StoreError."""
    database = open_database(paths.database)
    database.wait_at_most(LOCK_WAIT_S)
    database.ballast.keep()
    database.group = CommitGroup(asyncio.get_running_loop().call_later)
    return database


def _start_jobs(
    scheduler: JobScheduler,
    upkeep: Upkeep,
    books: BooksWatch,
    clocks: ClockWatch,
    reviews: ModelWatch,
    healing: Healing,
) -> None:
    scheduler.start()
    upkeep.schedule(scheduler)
    scheduler.add("memory", give_back_memory, GIVE_BACK_EVERY_S)
    scheduler.add("books watch", books.review, COMPARE_EVERY_S)
    scheduler.add("clock watch", clocks.review, WATCH_EVERY_S)
    scheduler.add("model watch", reviews.review, REVIEW_EVERY_S)
    scheduler.add("healing", healing.review, HEAL_EVERY_S, HEALING_AFTER_S)


def _unlocked(paths: Paths) -> Callable[[str], ExchangeKeys]:
    """Gives the keys of an exchange; raises NotFound, and KeysLocked if the daemon has no passphrase.

    Raises VaultLocked if the passphrase is wrong, StoreError.
    """
    passphrase = given_passphrase()
    if passphrase is not None and paths.vault.exists():
        from autopilot.adapters.vault import open_vault

        return open_vault(paths.vault, passphrase).keys

    def locked(exchange: str) -> ExchangeKeys:
        raise KeysLocked(
            f"the keys of {exchange} are locked: the daemon was started without their passphrase",
            hint="autopilot restart, which asks for the passphrase"
            if paths.vault.exists()
            else f"autopilot keys add {exchange}",
        )

    return locked
