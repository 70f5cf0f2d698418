"""Opening an account: its market, its broker on paper or with real money, its books and its orders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.exchange_clock import ExchangeClocks
from autopilot.adapters.exchange.offline_markets.faults import FaultyBroker
from autopilot.adapters.exchange.offline_markets.replay import ReplayExchange
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.venues.known import venue_rules
from autopilot.adapters.exchange.venues.opening import live_account, public_market
from autopilot.adapters.store.armings import SqliteArmings
from autopilot.adapters.store.audit import AuditTrail
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.config.schema import AutopilotConfig
from autopilot.control.errors import SafetyRefused
from autopilot.domain.account import exchange_of, is_live
from autopilot.domain.arming import Allowance
from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS
from autopilot.engine.account import TradingAccount
from autopilot.engine.events import EventLog
from autopilot.engine.liquidation import Liquidation
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.paper import PaperBroker
from autopilot.ports.broker import Broker
from autopilot.ports.market_data import CandleSource
from autopilot.ports.observer import PriceObserver
from autopilot.ports.restrictions import RestrictionSource


class _Trading(NamedTuple):
    """``observer`` is notified of prices; ``allowance``: how much real money may be invested, None on paper."""

    source: CandleSource
    broker: Broker
    observer: PriceObserver | None
    allowance: Callable[[str, int], Allowance] | None


@dataclass(frozen=True, slots=True)
class OpenAccount:
    """One account on an exchange, with all that its autopilots share."""

    name: str
    source: CandleSource
    broker: Broker
    observer: PriceObserver | None
    ledger: SqliteLedger
    shared: TradingAccount
    desk: OrderDesk
    liquidation: Liquidation

    async def close(self) -> None:
        await self.source.close()
        if isinstance(self.broker, CcxtBroker):
            await self.broker.close()


@dataclass(frozen=True, slots=True)
class AccountOpener:
    """``restrictions`` say what accounts may do; ``audit`` records their orders. ``keys`` returns our keys on an
    exchange and raises SafetyRefused and NotFound; without it no live account can be opened. ``clocks``: those of the
    exchanges."""

    config: AutopilotConfig
    database: Database
    events: EventLog
    restrictions: RestrictionSource
    audit: AuditTrail | None = None
    keys: Callable[[str], ExchangeKeys] | None = None
    clocks: ExchangeClocks = field(default_factory=ExchangeClocks)

    def open(self, account: str) -> OpenAccount:
        """Raises UnknownExchange, StoreError; for a live account ConfigError and SafetyRefused too."""
        exchange = exchange_of(account)
        source, broker, observer, allowance = self._live(account) if is_live(account) else self._paper(account)
        ledger = SqliteLedger(self.database, self.audit, grouped=source.kind is not MarketKind.REAL)
        shared = TradingAccount(account, broker, ledger, self.restrictions, allowance)
        stops = is_live(account) and venue_rules(exchange).orders.keeps_stops
        desk = OrderDesk(account, broker, ledger, source.clock, self.events, self.restrictions, stops=stops)
        exits = ExitSettings(self.config.orders, DAY_MS)
        liquidation = Liquidation(shared, desk, ledger, source, exits)
        return OpenAccount(account, source, broker, observer, ledger, shared, desk, liquidation)

    def _market(self, exchange: str) -> CandleSource:
        if exchange == SimulatedExchange.name:
            return SimulatedExchange(self.config.simulated)
        if exchange == ReplayExchange.name:
            return ReplayExchange(SqliteCandles(self.database), self.config.replay)
        return public_market(exchange, self.clocks.of(exchange))

    def _paper(self, account: str) -> _Trading:
        source = self._market(exchange_of(account))
        paper = PaperBroker(account, self.config.paper, SqlitePaper(self.database), source.clock)
        if source.kind is MarketKind.REPLAY:
            return _Trading(source, FaultyBroker(paper, self.config.replay.faults, source.clock), paper, None)
        return _Trading(source, paper, paper, None)

    def _live(self, account: str) -> _Trading:
        exchange = exchange_of(account)
        venue_rules(exchange)
        if self.keys is None:
            raise SafetyRefused("there is no real money here", hint="use the daemon: autopilot start --live")
        clock, data_dir = self.clocks.of(exchange), self.database.path.parent
        source = public_market(exchange, clock)
        broker = live_account(account, self.keys(exchange), clock, data_dir, source.doubt_rules)
        return _Trading(source, broker, None, partial(self._allowance, account))

    def _allowance(self, account: str, currency: str, now_ms: int) -> Allowance:
        """The armed amount; decisions of an unproven model count only while the configuration allows them too."""
        armed = SqliteArmings(self.database, self.audit).allowance(account, currency, now_ms)
        return replace(armed, unproven=armed.unproven and self.config.model.allow_unproven)
