"""A market, an account on a real database, and an exchange that does what a test tells it to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_clock import FakeClock
from fake_event_sink import FakeEventSink
from ready_database import ready_database

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.domain.candles import Candle
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Portfolio, Position
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings
from autopilot.ports.broker import Balance
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import RiskLimits
from autopilot.risk.verdict import Approved, OrderDraft, review_entry

ACCOUNT = "paper:test"
START_MS = 1_714_521_600_000


Answer = OrderReport | BaseException | None


@dataclass
class ScriptedBroker:
    """Answers each call with what was laid out for it, in turn, and notes what it was asked."""

    submits: list[Answer] = field(default_factory=list)
    lookups: list[Answer] = field(default_factory=list)
    cancels: list[Answer] = field(default_factory=list)
    shown: list[OrderReport] = field(default_factory=list)
    owned: dict[str, Balance] = field(default_factory=dict)
    sent: list[Order] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    canceled: list[str] = field(default_factory=list)

    async def submit(self, order: Order, market: Market) -> OrderReport:
        self.sent.append(order)
        answer = _next(self.submits)
        if answer is None:
            raise AssertionError(f"an order nobody expected: {order}")
        return replace(answer, client_order_id=order.client_order_id, fills=_own(answer.fills, order))

    async def cancel(self, order: Order) -> OrderReport:
        self.canceled.append(order.client_order_id)
        answer = _next(self.cancels)
        if answer is None:
            raise AssertionError(f"a cancellation nobody expected: {order}")
        return replace(answer, client_order_id=order.client_order_id, fills=_own(answer.fills, order))

    async def lookup(self, order: Order) -> OrderReport | None:
        self.asked.append(order.client_order_id)
        if not self.lookups:
            raise AssertionError(f"a question nobody expected: {order}")
        answer = _next(self.lookups)
        if answer is None:
            return None
        return replace(answer, client_order_id=order.client_order_id, fills=_own(answer.fills, order))

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        return tuple(self.shown)

    async def balances(self) -> Mapping[str, Balance]:
        return self.owned


def _next(answers: list[Answer]) -> OrderReport | None:
    answer = answers.pop(0) if answers else None
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _own(fills: tuple[Fill, ...], order: Order) -> tuple[Fill, ...]:
    return tuple(
        replace(
            fill,
            fill_id=f"{order.client_order_id}:{fill.fill_id}",
            client_order_id=order.client_order_id,
            side=order.side,
            symbol=order.symbol,
        )
        for fill in fills
    )


@pytest.fixture
def market() -> Market:
    return Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.0001", "0.01", "0.001", "5", "0.001", "0.002")))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START_MS)


@pytest.fixture
def events() -> FakeEventSink:
    return FakeEventSink()


@pytest.fixture
def broker() -> ScriptedBroker:
    return ScriptedBroker()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = ready_database(tmp_path / "autopilot.db")
    yield opened
    opened.close()


@pytest.fixture
def ledger(database: Database) -> SqliteLedger:
    return SqliteLedger(database)


@pytest.fixture
def modes(database: Database) -> SqliteTradingModes:
    return SqliteTradingModes(database)


@pytest.fixture
def desk(
    broker: ScriptedBroker, ledger: SqliteLedger, clock: FakeClock, events: FakeEventSink, modes: SqliteTradingModes
) -> OrderDesk:
    return OrderDesk(ACCOUNT, broker, ledger, clock, events, modes)


@pytest.fixture
def exits() -> ExitSettings:
    return ExitSettings(OrderSettings(), HOUR_MS)


@pytest.fixture
def report() -> Callable[..., OrderReport]:
    """``fills``: (name, quantity, price) of each; ``filled`` is their sum unless given."""

    def make(status: OrderStatus, *fills: tuple[str, str, str], at_ms: int = START_MS, **changes: Any) -> OrderReport:
        parts = tuple(
            Fill(
                name,
                "",
                ACCOUNT,
                "BTC/USD",
                Side.BUY,
                Decimal(quantity),
                Decimal(price),
                Decimal("0.1"),
                "USD",
                False,
                at_ms,
            )
            for name, quantity, price in fills
        )
        answer = OrderReport("", "X1", status, sum((part.quantity for part in parts), Decimal(0)), parts, at_ms)
        return replace(answer, **changes)

    return make


@pytest.fixture
def approve(market: Market, clock: FakeClock) -> Callable[..., Approved]:
    """An entry of 2 BTC that passed the real rules; at ``limit``, or at market."""

    def make(limit: str | None = None, quantity: str = "2", life_ms: int = 3 * HOUR_MS) -> Approved:
        cash = Decimal(100_000)
        entry = DecisionContext(
            market=market,
            timeframe=Timeframe.H1,
            portfolio=Portfolio(ACCOUNT, "USD", cash, cash, cash, cash, Decimal(0), {}),
            limits=RiskLimits(),
            last_close=Decimal(100),
            price=Decimal(100),
            closed_at_ms=clock.now_ms(),
            now_ms=clock.now_ms(),
        )
        signal = StrategySignal(
            "BTC/USD", SignalType.BUY, 0.5, 0.9, 100.0, 95.0, 110.0, "macd", StrategyGroup.TREND_FOLLOWING, "it crossed"
        )
        draft = OrderDraft(
            type=OrderType.LIMIT if limit else OrderType.MARKET,
            limit=Decimal(limit) if limit else None,
            expires_at_ms=clock.now_ms() + life_ms if limit else None,
            strategy="macd",
            reason="it crossed",
            decision_id="d1",
        )
        verdict = review_entry(entry, signal, Decimal(quantity), draft)
        assert isinstance(verdict, Approved)
        return verdict

    return make


@pytest.fixture
def make_order() -> Callable[..., Order]:
    """An order as it would reach an exchange: at market, unless it has a ``price``."""

    def make(identity: str = "order-1", side: Side = Side.BUY, quantity: str = "2", **changes: Any) -> Order:
        order = Order(
            client_order_id=identity,
            account=ACCOUNT,
            symbol="BTC/USD",
            side=side,
            type=OrderType.LIMIT if changes.get("price") else OrderType.MARKET,
            purpose=Purpose.ENTRY if side is Side.BUY else Purpose.STOP_LOSS,
            quantity=Decimal(quantity),
            price=None,
            reference_price=Decimal(100),
            created_at_ms=START_MS,
            expires_at_ms=None,
            strategy="macd",
            reason="",
            stop=Decimal(95),
            target=Decimal(110),
            status=OrderStatus.SUBMITTED,
            updated_at_ms=START_MS,
        )
        return replace(order, **changes)

    return make


@pytest.fixture
def candle() -> Callable[..., Candle]:
    """The ``hour``-th candle since the start."""

    def make(
        hour: int,
        open: float = 100.0,  # noqa: A002 - the field's own name
        high: float = 101.0,
        low: float = 99.0,
        close: float = 100.0,
        volume: float = 1000.0,
    ) -> Candle:
        return Candle(START_MS + hour * HOUR_MS, open, high, low, close, volume)

    return make


@pytest.fixture
def hold(ledger: SqliteLedger, broker: Any, make_order: Callable[..., Order]) -> Callable[..., Position]:
    """A position that an earlier entry brought."""

    def make(quantity: str = "2", price: str = "100", opened_at_ms: int = START_MS - HOUR_MS) -> Position:
        order = make_order(
            "earlier entry",
            quantity=quantity,
            status=OrderStatus.FILLED,
            created_at_ms=opened_at_ms,
            filled=Decimal(quantity),
        )
        fill = Fill(
            "earlier fill",
            order.client_order_id,
            ACCOUNT,
            "BTC/USD",
            Side.BUY,
            Decimal(quantity),
            Decimal(price),
            Decimal("0.2"),
            "USD",
            False,
            opened_at_ms,
        )
        ledger.apply_fills(order, (fill,))
        broker.owned["BTC"] = Balance(fill.quantity, fill.quantity)
        (position,) = ledger.positions(ACCOUNT)
        return position

    return make


@dataclass
class Scene:
    """One market of one account, with the desk that trades on it; the broker's answers are laid out by each test."""

    desk: OrderDesk
    broker: ScriptedBroker
    ledger: SqliteLedger
    clock: FakeClock
    events: FakeEventSink
    modes: SqliteTradingModes
    market: Market
    exits: ExitSettings
    approve: Callable[..., Approved]
    report: Callable[..., OrderReport]
    hold: Callable[..., Position]
    make_order: Callable[..., Order]

    async def enter(self, limit: str | None = None, quantity: str = "2") -> Order:
        return await self.desk.send(self.approve(limit, quantity), self.market)

    async def follow(self) -> None:
        await self.desk.follow(self.market)

    async def touch_stop(self) -> None:
        """The price goes down to the stop at 95."""
        await self.exit(ExitOrder(Purpose.STOP_LOSS, Decimal(95), "the stop at 95 was touched"))

    async def touch_target(self) -> None:
        """The price goes up to the target at 110."""
        await self.exit(ExitOrder(Purpose.TAKE_PROFIT, Decimal(110), "the target at 110 was touched"))

    async def exit(self, wanted: ExitOrder) -> None:
        await self.desk.exit_position(wanted, self.market, self.exits)

    async def finish(self, price: str) -> None:
        (held,) = self.ledger.positions(ACCOUNT)
        await self.desk.finish_exit(held, Decimal(price), self.market, self.exits)

    async def flatten(self, price: str = "98") -> None:
        await self.desk.flatten(Decimal(price), self.market, self.exits)

    def restart(self, *, stops: bool = False) -> None:
        """A new process on the same ledger."""
        self.desk = OrderDesk(ACCOUNT, self.broker, self.ledger, self.clock, self.events, self.modes, stops=stops)

    @property
    def orders(self) -> tuple[Order, ...]:
        """Every order but the one that brought the position, as stored, oldest first."""
        rows = self.ledger._database.rows(
            "SELECT client_order_id FROM orders WHERE client_order_id <> 'earlier entry' ORDER BY rowid"
        )
        return tuple(order for row in rows if (order := self.ledger.order(row[0])))

    @property
    def quantity(self) -> Decimal:
        """Base currency in the position."""
        return sum((held.quantity for held in self.ledger.positions(ACCOUNT)), Decimal(0))


@pytest.fixture
def scene(
    desk: OrderDesk,
    broker: ScriptedBroker,
    ledger: SqliteLedger,
    clock: FakeClock,
    events: FakeEventSink,
    modes: SqliteTradingModes,
    market: Market,
    exits: ExitSettings,
    approve: Callable[..., Approved],
    report: Callable[..., OrderReport],
    hold: Callable[..., Position],
    make_order: Callable[..., Order],
) -> Scene:
    return Scene(desk, broker, ledger, clock, events, modes, market, exits, approve, report, hold, make_order)


@pytest.fixture
def holding(scene: Scene) -> Scene:
    """2 BTC are held, bought at 100."""
    scene.hold("2")
    return scene
