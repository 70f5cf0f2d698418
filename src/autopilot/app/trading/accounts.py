"""Opening an account: its market, its broker on paper or with real money, and the autopilots that trade on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.offline_markets.faults import FaultyBroker
from autopilot.adapters.exchange.offline_markets.replay import ReplayExchange
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.exchange.venues.opening import live_account, public_market
from autopilot.adapters.models.champion import Champion
from autopilot.adapters.sentiment.offline import SimulatedSentiment, StoredSentiment
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.config.schema import AutopilotConfig
from autopilot.control.errors import SafetyRefused
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Allowance
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.market import MarketKind, reference_of
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.events import EventLog
from autopilot.engine.intelligent_autopilot import Dependencies, IntelligentAutopilot
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.settings import AutopilotSettings
from autopilot.execution.order_desk import ExitSettings, OrderDesk
from autopilot.execution.paper import PaperBroker
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.broker import Broker
from autopilot.ports.market_data import CandleSource
from autopilot.ports.observer import PriceObserver
from autopilot.ports.restrictions import RestrictionSource
from autopilot.ports.sentiment import SentimentSource
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet


@dataclass(frozen=True, slots=True)
class Venue:
    """One account on an exchange as this daemon uses it, how an autopilot on it is made, and what a user does to all of
    it."""

    source: CandleSource
    account: str
    liquidation: Liquidation
    make: Callable[[AutopilotSettings], IntelligentAutopilot]
    close: Callable[[], Awaitable[None]]


class AccountPorts(NamedTuple):
    """Whom orders go to, who must be told of prices, and how much may be invested of real money."""

    broker: Broker
    observer: PriceObserver | None
    leave: Callable[[str, int], Allowance] | None


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
        stops = is_live(account) and venue_rules(exchange).orders.keeps_stops
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
            around = Dependencies(
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

    def _paper(self, account: str, source: CandleSource) -> AccountPorts:
        paper = PaperBroker(account, self.config.paper.settings(), SqlitePaper(self.database), source.clock)
        if source.kind is MarketKind.REPLAY:
            return AccountPorts(FaultyBroker(paper, self.config.replay.faults.settings(), source.clock), paper, None)
        return AccountPorts(paper, paper, None)

    def _live(self, account: str, source: CandleSource) -> AccountPorts:
        exchange = exchange_of(account)
        venue_rules(exchange)
        if self.keys is None:
            raise SafetyRefused("there is no real money here", hint="use the daemon: autopilot start --live")
        broker = live_account(account, self.keys(exchange), source.clock)
        return AccountPorts(broker, None, partial(self._leave, account))

    def _leave(self, account: str, currency: str, now_ms: int) -> Allowance:
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
        return public_market(exchange), self.mood
