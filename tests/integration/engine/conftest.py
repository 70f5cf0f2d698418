"""One account on a market that a test moves by hand, with everything else as it really is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fake_event_sink import FakeEventSink
from ready_database import ready_database

from autopilot.adapters.sentiment.offline import NeutralSentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.analysis.market_analyzer import MarketAnalyzer
from autopilot.analysis.view import MarketView
from autopilot.app.trading.modes import TradingControl
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.decision import Decision
from autopilot.domain.errors import UnknownSymbol
from autopilot.domain.market import Market, MarketKind, Quote
from autopilot.domain.order import Order, OrderReport
from autopilot.domain.signal import SignalArrays, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.account import TradingAccount
from autopilot.engine.account_watch import AccountWatch
from autopilot.engine.intelligent_autopilot import Dependencies, IntelligentAutopilot
from autopilot.engine.liquidation import Liquidation
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.provenance import Program
from autopilot.engine.reading import ViewMaker, WindowReader
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.paper import PaperBroker
from autopilot.execution.paper_settings import PaperSettings
from autopilot.execution.restrictions import Restrictions
from autopilot.performance.outcomes import TradingCost
from autopilot.performance.performance_tracker import PerformanceTracker
from autopilot.ports.broker import Balance
from autopilot.ports.ledger import EquityMark
from autopilot.ports.market_data import MarketSnapshot
from autopilot.ports.score_model import ScoreModel
from autopilot.risk.limits import RiskLimits
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.selection.strategy_selector import StrategySelector
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.registry import StrategySet

HOUR = Timeframe.H1.ms
EVERYWHERE = suits(trending_up=1, trending_down=1, ranging=1, volatile=1, quiet=1)


@dataclass
class MovedMarket:
    """A real exchange's candles as far as ``at_ms``, which is also its clock. ``trouble`` is what a fetch raises."""

    series: Mapping[str, Candles]
    at_ms: int
    name: str = "moved"
    kind: MarketKind = MarketKind.REAL
    trouble: Exception | None = None
    hold: dict[str, Any] = field(default_factory=dict)
    """An asyncio.Event by symbol: until it is set, a fetch of this symbol does not return."""
    prices: dict[str, float] = field(default_factory=dict)
    """The latest price by symbol, where it is not the last close."""
    gone: set[str] = field(default_factory=set)
    """Symbols that the exchange no longer has."""

    @property
    def clock(self) -> MovedMarket:
        return self

    def now_ms(self) -> int:
        return self.at_ms

    async def market(self, symbol: str) -> Market:
        if self.trouble:
            raise self.trouble
        if symbol in self.gone:
            raise UnknownSymbol(f"{self.name} has no market {symbol}", hint="did you mean another?")
        base, quote = symbol.split("/")
        step, fee = Decimal("0.00001"), Decimal("0.001")
        return Market(symbol, base, quote, step, Decimal("0.1"), 10 * step, Decimal(1), fee, fee)

    def subscribe(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None: ...

    def unsubscribe(self, symbol: str) -> None: ...

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        if symbol in self.hold:
            await self.hold[symbol].wait()
        if self.trouble:
            raise self.trouble
        await self.market(symbol)
        closed = self._closed(symbol)
        asked = closed[-limit:] if since_ms is None else closed.since(since_ms)[:limit]
        return MarketSnapshot(asked, Quote(symbol, self.prices.get(symbol, float(closed.close[-1])), self.at_ms))

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self._closed(symbol).until(until_ms)[-limit:]

    async def close(self) -> None: ...

    def _closed(self, symbol: str) -> Candles:
        return self.series[symbol].until(self.at_ms - HOUR)


@dataclass(frozen=True)
class Says(Strategy):
    """``sides``: what it says at each candle's open time, everywhere else ``otherwise``."""

    name: ClassVar[str] = "says"
    group: ClassVar[StrategyGroup] = StrategyGroup.MOMENTUM
    regime_fit: ClassVar[Any] = EVERYWHERE
    sides: Mapping[int, int] = field(default_factory=dict)
    otherwise: int = 0
    strength: float = 1.0

    def signals(self, view: MarketView) -> SignalArrays:
        times = view.candles.open_at_ms
        side = np.array([self.sides.get(int(at_ms), self.otherwise) for at_ms in times], dtype=np.int8)
        speaks = np.abs(side).astype(float)
        far = np.full(len(side), 0.9)
        return SignalArrays(side, self.strength * speaks, speaks, far, far)

    def explain(self, view: MarketView, index: int) -> str:
        return "the test says so"


@dataclass(frozen=True)
class Raises(Says):
    name: ClassVar[str] = "raises"
    regime_fit: ClassVar[Any] = suits(trending_up=0, trending_down=0, ranging=0, volatile=0, quiet=0)

    def signals(self, view: MarketView) -> SignalArrays:
        raise ZeroDivisionError("a rule that was never tried")


@dataclass(frozen=True)
class CannotSize(Says):
    name: ClassVar[str] = "cannot_size"

    def calculate_position_size(self, signal: StrategySignal, balance: Decimal) -> Decimal:
        raise KeyError("leverage")


@dataclass
class TroubledBroker:
    """A broker in front of which a test puts trouble: by method, what it raises."""

    behind: PaperBroker
    trouble: dict[str, Exception] = field(default_factory=dict)
    submitted: list[str] = field(default_factory=list)

    async def submit(self, order: Order, market: Market) -> OrderReport:
        self._strike("submit")
        self.submitted.append(order.client_order_id)
        report = await self.behind.submit(order, market)
        self._strike("answer")
        return report

    async def cancel(self, order: Order) -> OrderReport:
        self._strike("cancel")
        return await self.behind.cancel(order)

    async def lookup(self, order: Order) -> OrderReport | None:
        self._strike("lookup")
        return await self.behind.lookup(order)

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        self._strike("open_orders")
        return await self.behind.open_orders(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        self._strike("balances")
        return await self.behind.balances()

    def _strike(self, method: str) -> None:
        if method in self.trouble:
            raise self.trouble[method]


class TroubledLedger(SqliteLedger):
    trouble: Exception | None = None

    def record_decision(self, decision: Decision, mark: EquityMark) -> bool:
        if self.trouble:
            raise self.trouble
        return super().record_decision(decision, mark)


@dataclass
class Desk:
    """What a test holds in its hands: the market, the broker, the ledger, and autopilots by symbol."""

    market: MovedMarket
    broker: TroubledBroker
    ledger: TroubledLedger
    database: Database
    autopilots: Mapping[str, IntelligentAutopilot]
    account: TradingAccount
    liquidation: Liquidation
    control: TradingControl
    restrictions: Restrictions
    events: FakeEventSink

    def codes(self) -> list[str]:
        """What holds the account back."""
        return [each.code for each in self.restrictions.restrictions(self.account.name)]

    @property
    def autopilot(self) -> IntelligentAutopilot:
        (only,) = self.autopilots.values()
        return only

    async def hours(self, count: int) -> None:
        """So many candles close, with a cycle of every symbol after each and one more between."""
        for _ in range(count):
            self.market.at_ms += HOUR
            for autopilot in self.autopilots.values():
                await autopilot.run_cycle()
                await autopilot.run_cycle()

    def rows(self, columns: str, table: str, order: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self.database.rows(f"SELECT {columns} FROM {table} ORDER BY {order}")]

    def decided(self) -> list[tuple[int, str, str | None]]:
        """(candle's open time, action, code of the denial), oldest first."""
        return self.rows("candle_at_ms, action, denied_code", "decisions", "candle_at_ms")

    def orders(self) -> list[tuple[str, str, str]]:
        """(side, purpose, status), oldest first."""
        return self.rows("side, purpose, status", "orders", "created_at_ms, rowid")


@pytest.fixture
def start_ms(random_candles: Callable[..., Candles]) -> int:
    """The moment at which a test's market stands: a candle has just closed, 20:00 UTC."""
    opened = random_candles(1, 1_100).open_at_ms[1_000]
    return int(opened) // (24 * HOUR) * 24 * HOUR + 20 * HOUR


@pytest.fixture
def open_desk(tmp_path: Path, random_candles: Callable[..., Candles], start_ms: int) -> Iterator[Callable[..., Desk]]:
    """Opens the same database, and so the same account, as often as a test wants to start anew."""
    databases: list[Database] = []

    def make(
        *strategies: Strategy,
        symbols: Sequence[str] = ("BTC/USD",),
        at_ms: int = start_ms,
        model: ScoreModel | None = None,
        execute: bool = True,
        trades_per_day: int = 10,
        **limits: Any,
    ) -> Desk:
        for database in databases:
            database.close()
        databases[:] = [ready_database(tmp_path / "autopilot.db")]
        (database,) = databases
        series = {symbol: random_candles(number, 1_200) for number, symbol in enumerate(symbols)}
        market = MovedMarket(series, at_ms)
        paper = PaperBroker("paper:moved", PaperSettings(), SqlitePaper(database), market)
        broker, ledger = TroubledBroker(paper), TroubledLedger(database)
        known = StrategySet(strategies)
        events, modes = FakeEventSink(), SqliteTradingModes(database)
        watch = AccountWatch(market, events)
        restrictions = Restrictions(modes, watch)
        account = TradingAccount("paper:moved", broker, ledger, restrictions)
        orders = OrderDesk("paper:moved", broker, ledger, market, events, restrictions)
        around = Dependencies(
            source=market,
            account=account,
            desk=orders,
            observer=paper,
            ledger=ledger,
            strategies=known,
            selector=StrategySelector([StrategyProfile(s.name, s.group, s.regime_fit) for s in known], model),
            tracker=PerformanceTracker(
                "moved", Timeframe.H1, known.names, SqliteSamples(database), TradingCost(0.0015)
            ),
            catch_up=asyncio.Lock(),
            watch=watch,
            events=events,
            program=Program("1.2.3", "0123456789abcdef"),
        )
        settings = replace(
            AutopilotConfig(min_confidence_threshold=0.0, max_trades_per_day=trades_per_day).trading(
                symbols[0], exchange="moved", timeframe=Timeframe.H1, interval_s=60.0, auto_execute=execute
            ),
            limits=RiskLimits(cooldown_candles=0, max_consecutive_losses=1_000, max_price_deviation_pct=50.0, **limits),
        )
        candles = SqliteCandles(database)
        autopilots = {
            symbol: IntelligentAutopilot(
                replace(settings, symbol=symbol),
                around,
                MarketWindow(market, candles, symbol, Timeframe.H1, None),
                WindowReader(ViewMaker(symbol, None, NeutralSentiment()), MarketAnalyzer(), known),
            )
            for symbol in symbols
        }
        exits = ExitSettings(settings.orders, HOUR)
        liquidation = Liquidation(account, orders, ledger, market, exits)
        control = TradingControl(
            modes, watch, ledger.busy_accounts, {account.name: liquidation}.__getitem__, events, market
        )
        return Desk(market, broker, ledger, database, autopilots, account, liquidation, control, restrictions, events)

    yield make
    for database in databases:
        database.close()


@pytest.fixture
def strategies() -> Any:
    """The strategies of these tests, by name."""
    return {"says": Says, "raises": Raises, "cannot_size": CannotSize}
