"""The one composition root: every implementation is chosen here."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from autopilot.adapters.clock import WallClock
from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.exchange.faults import FaultyBroker
from autopilot.adapters.exchange.replay import ReplayExchange
from autopilot.adapters.exchange.simulated import SimulatedExchange
from autopilot.adapters.models.champion import Champion
from autopilot.adapters.models.files import ModelFiles
from autopilot.adapters.sentiment.fear_greed import FearGreed
from autopilot.adapters.sentiment.neutral import NeutralSentiment
from autopilot.adapters.sentiment.simulated import SimulatedSentiment
from autopilot.adapters.sentiment.stored import StoredSentiment
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
from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.config.load import load
from autopilot.config.paths import Paths
from autopilot.config.schema import AutopilotConfig
from autopilot.daemon.audit_log import DaemonAudit
from autopilot.daemon.autopilots import Autopilots, Venue
from autopilot.daemon.lifecycle import run_daemon
from autopilot.daemon.log import configure_logging
from autopilot.daemon.model_registry import ModelRegistry
from autopilot.daemon.model_watch import REVIEW_EVERY_S, ModelWatch, model_drift
from autopilot.daemon.scheduler import CycleScheduler
from autopilot.daemon.service import AutopilotService
from autopilot.daemon.trading_control import TradingControl
from autopilot.daemon.training_tasks import TrainingTasks
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
from autopilot.execution.paper import PaperBroker
from autopilot.execution.restrictions import Restrictions
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.broker import Broker
from autopilot.ports.market_data import CandleSource
from autopilot.ports.restrictions import RestrictionSource
from autopilot.ports.sentiment import SentimentSource
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet, load_strategies

log = logging.getLogger(__name__)


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

    def open_venue(self, exchange: str) -> Venue:
        """Raises UnknownExchange, StoreError."""
        source, sentiment = self._market(exchange)
        account = f"paper:{exchange}"
        ledger = SqliteLedger(self.database, self.audit)
        paper = PaperBroker(account, self.config.paper.settings(), SqlitePaper(self.database), source.clock)
        broker: Broker = paper
        if source.kind is MarketKind.REPLAY:
            broker = FaultyBroker(paper, self.config.replay.faults.settings(), source.clock)
        shared = TradingAccount(account, broker, ledger, self.restrictions)
        desk = OrderDesk(account, broker, ledger, source.clock, self.events, self.restrictions)
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
                observer=paper,
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

        exits = ExitSettings(self.config.orders.settings(), DAY_MS, self.config.risk.settings().min_order_value)
        return Venue(source, account, Liquidation(shared, desk, ledger, source, exits), make)

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
    restrictions = Restrictions(modes, watch)
    wiring = Wiring(config, database, events, load_strategies(), mood, champion, restrictions, watch, audit.trail)
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
