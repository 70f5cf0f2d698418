"""The one composition root: every implementation is chosen here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.exchange.dialects import dialect_of
from autopilot.adapters.exchange.faults import FaultyBroker
from autopilot.adapters.exchange.gateway import Gateway
from autopilot.adapters.exchange.replay import ReplayExchange
from autopilot.adapters.exchange.simulated import SimulatedExchange
from autopilot.adapters.models.champion import Champion
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.sentiment.fear_greed import FearGreed
from autopilot.adapters.sentiment.neutral import NeutralSentiment
from autopilot.adapters.sentiment.simulated import SimulatedSentiment
from autopilot.adapters.sentiment.stored import StoredSentiment
from autopilot.adapters.store.armings import SqliteArmings, Unarmed
from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.autopilots import SqliteAutopilots
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database, open_database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.models import SqliteModels
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.adapters.store.tasks import SqliteTasks
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.adapters.vault import open_vault
from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.control.errors import KeysLocked, SafetyRefused
from autopilot.daemon.audit_log import DaemonAudit
from autopilot.daemon.autopilots import Autopilots, Venue
from autopilot.daemon.hardening import keep_memory_private
from autopilot.daemon.lifecycle import run_daemon
from autopilot.daemon.log import configure_logging
from autopilot.daemon.model_registry import ModelRegistry
from autopilot.daemon.model_watch import REVIEW_EVERY_S, ModelWatch, model_drift
from autopilot.daemon.passphrase import given_passphrase
from autopilot.daemon.scheduler import CycleScheduler
from autopilot.daemon.service import AutopilotService
from autopilot.daemon.trading_control import TradingControl
from autopilot.daemon.training_tasks import TrainingTasks
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Leave
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.market import MarketKind, reference_of
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import IntelligentAutopilot, Surroundings
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.settings import AutopilotSettings
from autopilot.execution.order_desk import ExitSettings, OrderDesk
from autopilot.execution.overdrawn import Overdrawn
from autopilot.execution.paper import PaperBroker
from autopilot.execution.restrictions import Restrictions
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.broker import Broker
from autopilot.ports.market_data import CandleSource
from autopilot.ports.observer import PriceObserver
from autopilot.ports.restrictions import RestrictionSource
from autopilot.ports.sentiment import SentimentSource
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet, load_strategies

log = logging.getLogger(__name__)


class _Dealing(NamedTuple):
    """Whom orders go to, who must be told of prices, and how much may be invested of real money."""

    broker: Broker
    observer: PriceObserver | None
    leave: Callable[[str, int], Leave] | None


@dataclass(frozen=True, slots=True)
class Wiring:
    """What all exchanges share, and how one is opened."""

    config: AutopilotConfig
    database: Database
    events: EventLog
    strategies: StrategySet
    mood: SentimentSource
    """The sentiment of real markets."""
    champion: Champion
    """The learned model in force."""
    restrictions: RestrictionSource
    """What holds accounts back; one more source of it is one more argument of `Restrictions`."""
    watch: AccountWatch
    """The one of them that cycles tell what they find."""
    audit: AuditTrail | None = None
    """Where orders are told of."""
    keys: Callable[[str], ExchangeKeys] | None = None
    """Those of our account on an exchange; None where real money is out of the question. Raises SafetyRefused and
    NotFound."""

    def open_venue(self, account: str) -> Venue:
        """Raises UnknownExchange, StoreError; for a live account ConfigError and SafetyRefused too."""
        exchange = exchange_of(account)
        source, sentiment = self._market(exchange)
        broker, observer, leave = self._live(account, source) if is_live(account) else self._paper(account, source)
        ledger = SqliteLedger(self.database, self.audit)
        shared = TradingAccount(account, broker, ledger, self.restrictions, leave)
        stops = is_live(account) and dialect_of(exchange).keeps_stops
        desk = OrderDesk(account, broker, ledger, source.clock, self.events, self.restrictions, stops=stops)
        selector = StrategySelector(profiles_of(self.strategies), self.champion)
        trackers: dict[Timeframe, PerformanceTracker] = {}

        def make(settings: AutopilotSettings) -> IntelligentAutopilot:
            if settings.timeframe not in trackers:
                tracker = PerformanceTracker(
                    exchange, settings.timeframe, self.strategies.names, SqliteSamples(self.database), ASSUMED_COST
                )
                tracker.load(ledger.last_decided_at_ms(account, settings.symbol, settings.timeframe) or 0)
                trackers[settings.timeframe] = tracker
            around = Surroundings(
                source=source,
                account=shared,
                desk=desk,
                observer=observer,
                ledger=ledger,
                sentiment=sentiment,
                analyzer=MarketAnalyzer(),
                strategies=self.strategies,
                selector=selector,
                tracker=trackers[settings.timeframe],
                watch=self.watch,
                events=self.events,
            )
            candles = SqliteCandles(self.database)
            return IntelligentAutopilot(
                settings,
                around,
                MarketWindow(source, candles, settings.symbol, settings.timeframe),
                MarketWindow(source, candles, reference_of(settings.symbol), settings.timeframe),
            )

        async def close() -> None:
            await source.close()
            if isinstance(broker, CcxtBroker):
                await broker.close()

        exits = ExitSettings(self.config.orders.settings(), DAY_MS)
        return Venue(source, account, Liquidation(shared, desk, ledger, source, exits), make, close)

    def _paper(self, account: str, source: CandleSource) -> _Dealing:
        paper = PaperBroker(account, self.config.paper.settings(), SqlitePaper(self.database), source.clock)
        if source.kind is MarketKind.REPLAY:
            return _Dealing(FaultyBroker(paper, self.config.replay.faults.settings(), source.clock), paper, None)
        return _Dealing(paper, paper, None)

    def _live(self, account: str, source: CandleSource) -> _Dealing:
        exchange = exchange_of(account)
        dialect = dialect_of(exchange)
        if self.keys is None:
            raise SafetyRefused("there is no real money here", hint="use the daemon: autopilot start --live")
        gateway = Gateway(exchange, self.keys(exchange), source.clock)
        return _Dealing(CcxtBroker(account, gateway, dialect, source.clock), None, partial(self._leave, account))

    def _leave(self, account: str, currency: str, now_ms: int) -> Leave:
        """What is armed; unproven decisions only as long as the configuration wants them too."""
        found = SqliteArmings(self.database, self.audit).leave(account, currency, now_ms)
        return replace(found, unproven=found.unproven and self.config.model.allow_unproven)

    def _market(self, exchange: str) -> tuple[CandleSource, SentimentSource]:
        if exchange == SimulatedExchange.name:
            simulated = SimulatedExchange(self.config.simulated.settings())
            return simulated, SimulatedSentiment(simulated)
        if exchange == ReplayExchange.name:
            replay = ReplayExchange(SqliteCandles(self.database), self.config.replay.settings())
            return replay, StoredSentiment(SqliteSentiment(self.database))
        return CcxtCandles(exchange), self.mood


def run(paths: Paths) -> int:
    """`autopilot daemon`: serve until told to stop. Raises AutopilotError when it cannot start."""
    keep_memory_private()
    configure_logging()

    async def open_service(ask_to_stop: Callable[[], None]) -> AutopilotService:
        return _open_service(paths, ask_to_stop)

    asyncio.run(run_daemon(open_service, paths))
    return 0


def _open_service(paths: Paths, ask_to_stop: Callable[[], None]) -> AutopilotService:
    config = load(paths).config
    database = open_database(paths.database)
    clock = WallClock()
    events = EventLog(clock.now_ms)
    index = FearGreed(SqliteSentiment(database))
    mood = index if config.sentiment.enabled else NeutralSentiment()
    audit = DaemonAudit(database, paths.audit_head, config)
    kept, files = SqliteModels(database, audit.trail), ModelFiles(paths.models_dir)
    champion = Champion(kept, files, config.model.life_days * DAY_MS)
    drift = partial(model_drift, paths.database, config.acting())
    models = ModelRegistry(kept, files, clock, drift, champion.status)
    modes = SqliteTradingModes(database, audit.trail)
    watch = AccountWatch(clock, events)
    armings = SqliteArmings(database, audit.trail)
    overdrawn = Overdrawn(SqliteLedger(database), armings.leave, clock)
    restrictions = Restrictions(modes, watch, Unarmed(armings, clock.now_ms), overdrawn)
    strategies, keys = load_strategies(), _unlocked(paths)
    wiring = Wiring(config, database, events, strategies, mood, champion, restrictions, watch, audit.trail, keys)
    scheduler = CycleScheduler()
    ledger = SqliteLedger(database, audit.trail)
    autopilots = Autopilots(wiring.open_venue, ledger, scheduler)
    trading = TradingControl(modes, watch, ledger.busy_accounts, autopilots.open_account, events, clock)
    trainings = TrainingTasks(paths, SqliteTasks(database), clock, champion.refresh)
    reviews = ModelWatch(kept, files, drift, clock, champion.refresh, trainings.start_by_itself)
    service = AutopilotService(
        config,
        database,
        SqliteAutopilots(database),
        autopilots,
        trading,
        restrictions,
        armings,
        models,
        trainings,
        events,
        clock,
        audit,
        ask_to_stop,
        closing=[trainings.close, index.close, audit.close],
    )
    trainings.open()
    scheduler.start()
    scheduler.add("model watch", reviews.review, REVIEW_EVERY_S)
    audit.open()
    service.resume()
    return service


def _unlocked(paths: Paths) -> Callable[[str], ExchangeKeys]:
    """Our keys by exchange, which raises KeysLocked where nobody gave the passphrase and NotFound. Raises
    VaultLocked, StoreError."""
    passphrase = given_passphrase()
    if passphrase is not None and paths.vault.exists():
        return open_vault(paths.vault, passphrase).keys

    def locked(exchange: str) -> ExchangeKeys:
        raise KeysLocked(
            f"the keys of {exchange} are locked: the daemon was started without their passphrase",
            hint="autopilot stop, then autopilot start --live asks for it"
            if paths.vault.exists()
            else f"autopilot keys add {exchange}",
        )

    return locked
