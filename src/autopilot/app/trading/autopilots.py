"""Making the autopilots that trade on an account."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.exchange.offline_markets.session import OfflineExchange
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.venues.opening import public_market
from autopilot.adapters.models.champions import Champions
from autopilot.adapters.sentiment.offline import SimulatedSentiment, StoredSentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.app.config_hash import config_hash
from autopilot.app.trading.accounts import AccountOpener, OpenAccount
from autopilot.config.schema import StreamChoice
from autopilot.distribution import installed_version
from autopilot.domain.account import exchange_of
from autopilot.domain.market import MarketKind, reference_of
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.block_reading import BlockReader, can_read_blocks
from autopilot.engine.intelligent_autopilot import Dependencies, IntelligentAutopilot
from autopilot.engine.lent_candles import LentCandles
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.provenance import Program
from autopilot.engine.reading import CandleReader, ViewMaker, WindowReader
from autopilot.engine.reference import ReferenceCandles
from autopilot.engine.settings import AutopilotSettings
from autopilot.performance.outcomes import ASSUMED_COST
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.history import Backfill
from autopilot.ports.market_data import CandleSource
from autopilot.ports.sentiment import SentimentSource
from autopilot.ports.streams import MarketStreams
from autopilot.selection.strategy_rules import profiles_of
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.registry import StrategySet


@dataclass(frozen=True, slots=True)
class Wiring:
    """The parts of an autopilot that all accounts share. ``sentiment`` is that of real markets; cycles report their
    findings about an account to ``watch``."""

    accounts: AccountOpener
    strategies: StrategySet
    sentiment: SentimentSource
    champions: Champions
    watch: AccountWatch

    def open_venue(self, account: str) -> Venue:
        """Raises as `AccountOpener.open`."""
        opened = self.accounts.open(account)
        kind = self.accounts.config.candle_kind(exchange_of(account))
        selector = StrategySelector(profiles_of(self.strategies), self.champions.on(kind))
        sentiment, lender = self._sentiment(opened.source), self._lender(opened.source)
        return Venue(self, opened, sentiment, selector, lender, self._streams(opened.source))

    def _streams(self, source: CandleSource) -> MarketStreams | None:
        is_wanted = self.accounts.config.data.stream is StreamChoice.AUTO
        return source.streams() if is_wanted and isinstance(source, CcxtCandles) else None

    def _lender(self, source: CandleSource) -> CandleSource | None:
        """The exchange whose candles fill in what a real market does not give, if the configuration names one."""
        lender = self.accounts.config.data.history_exchange
        if lender is None or lender == source.name or source.kind is not MarketKind.REAL:
            return None
        return public_market(lender)

    def _sentiment(self, source: CandleSource) -> SentimentSource:
        if isinstance(source, SimulatedExchange):
            return SimulatedSentiment(source)
        if source.kind is MarketKind.REPLAY:
            return StoredSentiment(SqliteSentiment(self.accounts.database))
        return self.sentiment


@dataclass(frozen=True, slots=True)
class Venue:
    """One open account, and the autopilots on it. ``lender``: another exchange, whose candles fill in missing ones.
    ``streams``: those of a real market, unless they are off."""

    wiring: Wiring
    opened: OpenAccount
    sentiment: SentimentSource
    selector: StrategySelector
    lender: CandleSource | None
    streams: MarketStreams | None = None
    _catch_up: asyncio.Lock = field(default_factory=asyncio.Lock)
    _filling: asyncio.Lock = field(default_factory=asyncio.Lock)
    _trackers: dict[Timeframe, PerformanceTracker] = field(default_factory=dict)
    _lent: list[LentCandles] = field(default_factory=list)
    _references: dict[tuple[str, Timeframe], ReferenceCandles] = field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.opened.name

    @property
    def source(self) -> CandleSource:
        return self.opened.source

    @property
    def request_ms(self) -> float:
        """Between two requests for candles, by the exchange's limit."""
        return 1000 / self.source.pages.requests_per_s if isinstance(self.source, CcxtCandles) else 0.0

    @property
    def liquidation(self) -> Liquidation:
        """Sells and cancels on the whole account."""
        return self.opened.liquidation

    def make(self, settings: AutopilotSettings) -> IntelligentAutopilot:
        """The autopilot of one symbol. Raises StoreError."""
        opened, wiring = self.opened, self.wiring
        candles = SqliteCandles(wiring.accounts.database, grouped=self.source.kind is not MarketKind.REAL)
        lent = LentCandles(self.lender, candles, settings.symbol, settings.timeframe) if self.lender else None
        self._lent.extend([lent] if lent else [])
        dependencies = Dependencies(
            source=opened.source,
            account=opened.shared,
            desk=opened.desk,
            observer=opened.observer,
            ledger=opened.ledger,
            strategies=wiring.strategies,
            selector=self.selector,
            tracker=self._tracker(settings),
            catch_up=self._catch_up,
            watch=wiring.watch,
            events=wiring.accounts.events,
            program=Program(installed_version(), config_hash(wiring.accounts.config, settings)),
        )
        return IntelligentAutopilot(
            settings,
            dependencies,
            MarketWindow(opened.source, candles, settings.symbol, settings.timeframe, lent, self._backfill(candles)),
            self._reader(settings, candles),
        )

    def _reader(self, settings: AutopilotSettings, candles: SqliteCandles) -> CandleReader:
        """An offline market, whose candles to come are known, is read a block ahead."""
        source, strategies, analyzer = self.source, self.wiring.strategies, MarketAnalyzer()
        reference = self._reference(reference_of(settings.symbol), settings.timeframe, candles)
        single = WindowReader(ViewMaker(settings.symbol, reference, self.sentiment), analyzer, strategies)
        if not (isinstance(source, OfflineExchange) and can_read_blocks(strategies)):
            return single
        return BlockReader(settings.symbol, source, self.sentiment, analyzer, strategies, single, self._catch_up)

    def _backfill(self, candles: SqliteCandles) -> Backfill | None:
        source = self.source
        if not isinstance(source, CcxtCandles):
            return None
        from autopilot.app.data.backfill import SeriesBackfill

        return SeriesBackfill(source.pages, candles, source.clock, turn=self._filling)

    def _reference(self, symbol: str, timeframe: Timeframe, candles: SqliteCandles) -> ReferenceCandles:
        """Shared on a real market. On an offline one each symbol has its own, because its time is that symbol's."""
        held = self._references.get((symbol, timeframe))
        if held is None:
            window = MarketWindow(self.source, candles, symbol, timeframe, None)
            held = ReferenceCandles(self.source, window, symbol)
            if self.source.kind is MarketKind.REAL:
                self._references[symbol, timeframe] = held
        return held

    async def close(self) -> None:
        if self.streams:
            await self.streams.close()
        for reference in self._references.values():
            await reference.close()
        await self.opened.close()
        for each in self._lent:
            await each.close()
        if self.lender:
            await self.lender.close()

    def _tracker(self, settings: AutopilotSettings) -> PerformanceTracker:
        """Shared by all symbols of a timeframe."""
        timeframe = settings.timeframe
        if timeframe not in self._trackers:
            samples = SqliteSamples(self.wiring.accounts.database)
            names = self.wiring.strategies.names
            tracker = PerformanceTracker(exchange_of(self.account), timeframe, names, samples, ASSUMED_COST)
            tracker.resume(self.opened.ledger.last_decided_at_ms(self.account, settings.symbol, timeframe) or 0)
            self._trackers[timeframe] = tracker
        return self._trackers[timeframe]
