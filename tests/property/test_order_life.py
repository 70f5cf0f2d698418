"""The real order desk, the real paper exchange and the real database, with answers lost, the exchange away, and the
process killed between any two writes: the books are right at every moment, and complete once the exchange answers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from fake_event_sink import FakeEventSink
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.store.database import Database
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.adapters.store.paper import SqlitePaper
from autopilot.adapters.store.trading_modes import SqliteTradingModes
from autopilot.domain.candles import Candle
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.money import to_decimal
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.portfolio import Position
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.domain.trading_mode import EVERY_ACCOUNT, ModeEntry, TradingMode, holding_back
from autopilot.engine.account import TradingAccount
from autopilot.execution.exit_order import exit_at_price, exit_in_candle
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings, choose_order_type, exit_purpose
from autopilot.execution.paper import PaperBroker
from autopilot.execution.paper_settings import PaperSettings
from autopilot.execution.reconciliation import reconcile
from autopilot.ports.broker import Balance, PaperChange
from autopilot.risk.decision_context import DecisionContext
from autopilot.risk.limits import RiskLimits
from autopilot.risk.verdict import Approved, OrderDraft, review_entry, review_exit

ACCOUNT = "paper:test"
START_MS = 1_714_521_600_000
CASH = Decimal(10_000)
T = TypeVar("T")

MARKETS = {
    symbol: Market(symbol, symbol[:3], "USD", *map(Decimal, (step, "0.01", least, "5", "0.0013", "0.0027")))
    for symbol, step, least in (("BTC/USD", "0.0001", "0.001"), ("ETH/USD", "0.01", "0.05"))
}
SYMBOLS = tuple(MARKETS)
BOLD = RiskLimits(
    max_position_pct=60.0,
    max_exposure_pct=100.0,
    risk_per_trade_pct=100.0,
    max_daily_loss_pct=100.0,
    max_drawdown_pct=100.0,
    cooldown_candles=0,
    max_consecutive_losses=1_000_000,
)
EXITS = ExitSettings(OrderSettings(), HOUR_MS)


FATES = st.sampled_from(
    ["", "rejected", "lost before", "lost after", "cancel lost before", "cancel lost after", "cancel pending"]
)
"""What becomes of the next call that it can happen to."""
FUSES = st.none() | st.integers(0, 14)
"""How many writes and calls away the death of the process is."""


class Killed(BaseException):
    """The process died here."""


@dataclass
class World:
    """What is outside of the process and outlives it: the time, the network, and when the process dies."""

    now: int = START_MS
    away: bool = False
    fate: str = ""
    fuse: int | None = None

    def now_ms(self) -> int:
        return self.now

    def spark(self) -> None:
        """A moment at which the process may die."""
        if self.fuse is not None:
            self.fuse -= 1
            if self.fuse < 0:
                self.fuse = None
                raise Killed

    def take_fate(self, *names: str) -> str:
        fate = self.fate
        if fate not in names:
            return ""
        self.fate = ""
        return fate


class MortalLedger:
    """The real ledger; the process may die before and after each of its writes."""

    def __init__(self, ledger: SqliteLedger, world: World) -> None:
        self._ledger = ledger
        self._world = world

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def save_order(self, order: Order) -> None:
        self._never_revive(order)
        self._world.spark()
        self._ledger.save_order(order)
        self._world.spark()

    def apply_fills(self, order: Order, fills: tuple[Fill, ...], market: Market) -> tuple[Fill, ...]:
        self._never_revive(order)
        self._world.spark()
        new = self._ledger.apply_fills(order, fills, market)
        self._world.spark()
        return new

    def _never_revive(self, order: Order) -> None:
        known = self._ledger.order(order.client_order_id)
        assert known is None or not known.status.is_final or known.status is order.status, "what is over lives again"


class MortalPaper(SqlitePaper):
    """The exchange's memory, in the same process: it may die before and after each of its writes too."""

    def __init__(self, database: Database, world: World) -> None:
        super().__init__(database)
        self._world = world

    def save_paper(self, change: PaperChange) -> None:
        self._world.spark()
        super().save_paper(change)
        self._world.spark()


class Wire:
    """What lies between the desk and the exchange."""

    def __init__(self, broker: PaperBroker, modes: SqliteTradingModes, world: World) -> None:
        self._broker = broker
        self._modes = modes
        self._world = world

    async def submit(self, order: Order, market: Market) -> OrderReport:
        assert holding_back(self._modes.restrictions(ACCOUNT), order.purpose) is None, "sent although it is held back"
        self._reach()
        fate = self._world.take_fate("rejected", "lost before", "lost after")
        if fate == "rejected":
            raise OrderRejected("in cancel-only mode")
        if fate == "lost before":
            raise AnswerLost("reset before it was processed")
        assert await self._broker.lookup(order) is None, "an order that the exchange has was sent again"
        if order.side is Side.SELL:
            coins = (await self._broker.balances())[market.base]
            assert coins.free >= order.quantity, "more is being sold than is free: it is sold twice"
        report = await self._broker.submit(order, market)
        if fate == "lost after":
            raise AnswerLost("reset after it was processed")
        return report

    async def cancel(self, order: Order) -> OrderReport:
        self._reach()
        fate = self._world.take_fate("cancel lost before", "cancel lost after", "cancel pending")
        if fate == "cancel lost before":
            raise AnswerLost("reset before it was processed")
        if fate == "cancel pending":
            report = await self._broker.lookup(order)
            if report:
                return report
        report = await self._broker.cancel(order)
        if fate == "cancel lost after":
            raise AnswerLost("reset after it was processed")
        return report

    async def lookup(self, order: Order) -> OrderReport | None:
        self._reach()
        return await self._broker.lookup(order)

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        self._reach()
        return await self._broker.open_orders(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        self._reach()
        return await self._broker.balances()

    def _reach(self) -> None:
        self._world.spark()
        if self._world.away:
            raise MarketUnavailable("no connection")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """To its end: nothing here has anything to wait for."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    raise AssertionError("it waits for something")


class OrderLife(RuleBasedStateMachine):
    """Cycles as the engine runs them, on two symbols of one account."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.prices = dict.fromkeys(SYMBOLS, 100.0)
        self.missed: list[tuple[str, Candle]] = []
        self.over: dict[str, Order] = {}
        self._directory = directory_in_memory()
        self._start()

    @initialize(strength=st.sampled_from([0.5, 0.9]))
    def bought(self, strength: float) -> None:
        for symbol, market in MARKETS.items():
            self.paper.on_price(market, 100.0, START_MS)
            self.buy(symbol, strength, 1500, 0.01, "", None)
        self.candle(SYMBOLS[0], 1.0, 0.002, 0.002, 0.5, 40.0, "", None)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        strength=st.sampled_from([0.5, 0.9]),
        value=st.integers(10, 6000),
        room=st.sampled_from([0.01, 0.03, 0.1]),
        fate=FATES,
        fuse=FUSES,
    )
    def buy(self, symbol: str, strength: float, value: int, room: float, fate: str, fuse: int | None) -> None:
        self._foresee(fate, fuse)
        price = self.prices[symbol]
        signal = StrategySignal(
            symbol,
            SignalType.BUY,
            strength,
            0.9,
            price,
            price * (1 - room),
            price * (1 + room),
            "macd",
            StrategyGroup.TREND_FOLLOWING,
            "",
        )

        async def decide() -> None:
            portfolio, _ = await self.account.portfolio(MARKETS[symbol], self.world.now, BOLD, Timeframe.H1)
            entry = DecisionContext(
                market=MARKETS[symbol],
                timeframe=Timeframe.H1,
                portfolio=portfolio,
                limits=BOLD,
                last_close=to_decimal(price),
                price=to_decimal(price),
                closed_at_ms=self.world.now,
                now_ms=self.world.now,
            )
            verdict = review_entry(entry, signal, value / entry.price, self._draft(Side.BUY, signal.strength, symbol))
            await self._decided(verdict, symbol)

        self._do(decide)

    @rule(symbol=st.sampled_from(SYMBOLS), strength=st.sampled_from([0.5, 0.9]), fate=FATES, fuse=FUSES)
    def sell(self, symbol: str, strength: float, fate: str, fuse: int | None) -> None:
        self._foresee(fate, fuse)

        async def decide() -> None:
            held = self._position(symbol)
            if held is None or any(order.side is Side.SELL for order in self.ledger.open_orders(ACCOUNT, symbol)):
                return
            price = to_decimal(self.prices[symbol])
            verdict = review_exit(
                MARKETS[symbol],
                held,
                account=ACCOUNT,
                purpose=exit_purpose(price, held.entry_price),
                price=price,
                draft=self._draft(Side.SELL, strength, symbol),
                at_ms=self.world.now,
                now_ms=self.world.now,
            )
            await self._decided(verdict, symbol)

        self._do(decide)

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        opened=st.floats(0.97, 1.03),
        up=st.sampled_from([0.0, 0.002, 0.02, 0.12]),
        down=st.sampled_from([0.0, 0.002, 0.02, 0.12]),
        close=st.floats(0, 1),
        volume=st.sampled_from([0.0, 3.0, 40.0, 1e6]),
        fate=FATES,
        fuse=FUSES,
    )
    def candle(
        self,
        symbol: str,
        opened: float,
        up: float,
        down: float,
        close: float,
        volume: float,
        fate: str,
        fuse: int | None,
    ) -> None:
        """The next hour; the other symbol's price stands still meanwhile."""
        self._foresee(fate, fuse)
        self.world.now = Timeframe.H1.floor(self.world.now) + HOUR_MS
        for each in SYMBOLS:
            price = self.prices[each] * opened if each == symbol else self.prices[each]
            high, low = (price * (1 + up), price * (1 - down)) if each == symbol else (price, price)
            bar = [round(value, 2) for value in (price, high, low, low + (high - low) * close)]
            self.missed.append((each, Candle(self.world.now - HOUR_MS, *bar, volume)))
        self._catch_up()

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        factor=st.floats(0.9, 1.1),
        seconds=st.integers(1, 400),
        fate=FATES,
        fuse=FUSES,
    )
    def price(self, symbol: str, factor: float, seconds: int, fate: str, fuse: int | None) -> None:
        self._foresee(fate, fuse)
        self.world.now += seconds * 1000
        self._catch_up()
        if self.missed:
            return
        self.prices[symbol] = price = round(self.prices[symbol] * factor, 2)

        async def watch() -> None:
            self.paper.on_price(MARKETS[symbol], price, self.world.now)
            await self._watch(symbol, lambda held: exit_at_price(held, to_decimal(price)))

        self._do(watch)

    @rule(symbol=st.sampled_from(SYMBOLS), fate=FATES, fuse=FUSES)
    def flatten(self, symbol: str, fate: str, fuse: int | None) -> None:
        self._foresee(fate, fuse)
        self._do(lambda: self.desk.flatten(to_decimal(self.prices[symbol]), MARKETS[symbol], EXITS))

    @rule()
    def restart(self) -> None:
        self._kill()

    @invariant()
    def the_exchange_adds_up(self) -> None:
        fills = self._told_by_exchange()
        cash = sum(((1 if f.side is Side.SELL else -1) * f.value - f.fee for f in fills), CASH)
        balances = run(self.paper.balances())
        assert balances["USD"].total == cash, "to the last digit"
        assert cash >= 0
        for symbol, market in MARKETS.items():
            coins = self._coins(fills, symbol)
            assert balances.get(market.base, Balance(Decimal(0), Decimal(0))).total == coins
            assert coins >= 0, "more was sold than was held"
            selling = [
                order.quantity - report.filled
                for order, report in self._at_exchange()
                if order.symbol == symbol and order.side is Side.SELL and not report.status.is_final
            ]
            assert len(selling) <= 1, "two exits at once"
            assert sum(selling) <= coins

    @invariant()
    def the_books_are_right_as_far_as_they_go(self) -> None:
        booked, told = self._booked(), {fill.fill_id: fill for fill in self._told_by_exchange()}
        assert all(told[fill.fill_id] == fill for fill in booked)
        for symbol in SYMBOLS:
            held = self._position(symbol)
            assert (held.quantity if held else 0) == self._coins(booked, symbol) - self._written_off(symbol)
        for order in self._orders():
            if order.client_order_id in self.over:
                assert order == self.over[order.client_order_id], "what is over stays as it is"
            elif order.status.is_final:
                self.over[order.client_order_id] = order

    @invariant()
    def every_order_there_is_one_of_ours_that_is_still_followed(self) -> None:
        found = run(reconcile(ACCOUNT, SYMBOLS, self.paper, self.ledger))
        assert not found.foreign
        assert not found.undead

    def teardown(self) -> None:
        """The exchange answers again: what was begun is finished, and everything is known."""
        self.world.away, self.world.fate, self.world.fuse = False, "", None
        self.modes.lift(EVERY_ACCOUNT, "me")
        begun = {symbol: self._exit_begun(symbol) for symbol in SYMBOLS}
        # A limit lives three candles; what it leaves, and what was bought after it was made, are exits of their own.
        for _ in range(9):
            self._quiet_hour()
        self._check_all()
        assert self._booked() == self._told_by_exchange()
        for symbol in SYMBOLS:
            assert not begun[symbol] or self._exit_done(symbol), "an exit was forgotten"
        self.prices = dict.fromkeys(SYMBOLS, 5.0)
        for _ in range(3):
            self._quiet_hour()
        self._check_all()
        assert not run(reconcile(ACCOUNT, SYMBOLS, self.paper, self.ledger)).words
        assert self.ledger.open_orders(ACCOUNT) == ()
        for symbol in SYMBOLS:
            held = self._position(symbol)
            assert held is None or self._is_dust(held), "below its stop, and still held"
            assert held is None or not self._is_left(held), "an exit left it, and its round trip goes on"
        for order in self._orders():
            event(f"{order.purpose} {order.type} {order.status}")
        self.database.close()
        self._directory.cleanup()

    def _check_all(self) -> None:
        self.the_exchange_adds_up()
        self.the_books_are_right_as_far_as_they_go()
        self.every_order_there_is_one_of_ours_that_is_still_followed()

    def _quiet_hour(self) -> None:
        self.world.now = Timeframe.H1.floor(self.world.now) + HOUR_MS
        for symbol, price in self.prices.items():
            self.missed.append((symbol, Candle(self.world.now - HOUR_MS, price, price, price, price, 1e6)))
        self._catch_up()
        assert not self.missed

    def _start(self) -> None:
        self.database = ready_database(Path(self._directory.name) / "autopilot.db")
        self.ledger: Any = MortalLedger(SqliteLedger(self.database), self.world)
        self.paper = PaperBroker(
            ACCOUNT, PaperSettings(balance=CASH), MortalPaper(self.database, self.world), self.world
        )
        self.modes = SqliteTradingModes(self.database)
        wire = Wire(self.paper, self.modes, self.world)
        self.desk = OrderDesk(ACCOUNT, wire, self.ledger, self.world, FakeEventSink(), self.modes)
        self.account = TradingAccount(ACCOUNT, wire, self.ledger, self.modes)
        for symbol, price in self.prices.items():
            self.account.see_price(symbol, price)

    def _kill(self) -> None:
        """Everything in memory is gone."""
        self.world.fuse = None
        self.database.close()
        self._start()

    def _foresee(self, fate: str, fuse: int | None) -> None:
        self.world.fate, self.world.fuse = fate, fuse

    def _do(self, work: Callable[[], Coroutine[Any, Any, None]]) -> bool:
        """Whether it came to its end; a new process goes on where the old one was killed."""
        try:
            run(work())
        except Killed:
            self._kill()
            event("killed")
            return False
        except ExchangeError as error:
            event(type(error).__name__)
            return False
        return True

    def _catch_up(self) -> None:
        """Each closed candle once; one that failed is repeated, now if the process died and later if the exchange is
        away."""
        attempts = 0
        while self.missed and attempts < 3:
            symbol, bar = self.missed[0]

            async def settle(symbol: str = symbol, bar: Candle = bar) -> None:
                self.paper.on_candle(MARKETS[symbol], Timeframe.H1, bar)
                self.prices[symbol] = bar.close
                self.account.see_price(symbol, bar.close)
                await self._watch(symbol, lambda held: exit_in_candle(held, bar))

            if self._do(settle):
                self.missed.pop(0)
                attempts = 0
            else:
                attempts += 1

    async def _watch(self, symbol: str, touched: Callable[[Position], Any]) -> None:
        market = MARKETS[symbol]
        await self.desk.follow(market)
        held = self._position(symbol)
        trigger = touched(held) if held else None
        if trigger:
            await self.desk.exit_position(trigger, market, EXITS)
        held = self._position(symbol)
        if held:
            await self.desk.finish_exit(held, to_decimal(self.prices[symbol]), market, EXITS)
        unanswered = {
            order.client_order_id
            for order in self.ledger.open_orders(ACCOUNT, symbol)
            if order.status is OrderStatus.UNKNOWN
        }
        told = [fill for fill in self._told_by_exchange() if fill.symbol == symbol]
        known = [fill for fill in told if fill.client_order_id not in unanswered]
        assert [fill for fill in self._booked() if fill.symbol == symbol] == known, "a cycle ended, a fill is missing"
        if self.modes.entries():
            open_orders = self.ledger.open_orders(ACCOUNT, symbol)
            assert not [order for order in open_orders if order.purpose is Purpose.ENTRY], "an entry waits on"

    async def _decided(self, verdict: Any, symbol: str) -> None:
        """Written ahead with its decision, then sent. An intent that was made once is never made again."""
        if isinstance(verdict, Approved) and self.ledger.order(verdict.order.client_order_id) is None:
            self.ledger.save_order(verdict.order)
            await self.desk.send(verdict, MARKETS[symbol])

    def _draft(self, side: Side, strength: float, symbol: str) -> OrderDraft:
        kind, limit = choose_order_type(
            side,
            strength,
            to_decimal(self.prices[symbol]),
            is_stop_loss=False,
            market=MARKETS[symbol],
            settings=EXITS.orders,
        )
        return OrderDraft(
            type=kind,
            limit=limit,
            expires_at_ms=self.world.now + 3 * HOUR_MS if kind is OrderType.LIMIT else None,
            strategy="macd",
            reason="",
            decision_id=None,
        )

    def _position(self, symbol: str) -> Position | None:
        held = [position for position in self.ledger.positions(ACCOUNT) if position.symbol == symbol]
        return held[0] if held else None

    def _exit_begun(self, symbol: str) -> bool:
        """An exit was sent, or was to be sent, and has not sold everything."""
        held = self._position(symbol)
        last = self.ledger.last_exit(ACCOUNT, symbol, held.opened_at_ms) if held else None
        return last is not None and not (last.status.is_final and last.remaining < MARKETS[symbol].min_amount)

    def _exit_done(self, symbol: str) -> bool:
        held = self._position(symbol)
        if held is None or self._is_dust(held):
            return True
        last = self.ledger.last_exit(ACCOUNT, symbol, held.opened_at_ms)
        return last is None or (last.status.is_final and last.remaining < MARKETS[symbol].min_amount)

    def _is_left(self, held: Position) -> bool:
        last = self.ledger.last_exit(ACCOUNT, held.symbol, held.opened_at_ms)
        return last is not None and last.status.is_final and held.quantity < MARKETS[held.symbol].min_amount

    def _is_dust(self, held: Position) -> bool:
        market = MARKETS[held.symbol]
        worth = held.quantity * to_decimal(self.prices[held.symbol])
        return held.quantity < market.min_amount or worth < market.min_cost

    def _orders(self) -> list[Order]:
        names = self.database.rows("SELECT client_order_id FROM orders ORDER BY rowid")
        return [self.ledger.order(row[0]) for row in names]

    def _at_exchange(self) -> list[tuple[Order, OrderReport]]:
        store = SqlitePaper(self.database)
        names = self.database.rows("SELECT client_order_id FROM paper_orders ORDER BY rowid")
        found = [store.find_paper_order(ACCOUNT, row[0]) for row in names]
        return [order for order in found if order]

    def _told_by_exchange(self) -> list[Fill]:
        return sorted((fill for _, report in self._at_exchange() for fill in report.fills), key=_name)

    def _booked(self) -> list[Fill]:
        from autopilot.adapters.store.rows import from_row

        return sorted((from_row(Fill, row) for row in self.database.rows("SELECT * FROM fills")), key=_name)

    def _written_off(self, symbol: str) -> Decimal:
        rows = self.database.rows("SELECT written_off FROM round_trips WHERE symbol = ?", (symbol,))
        rests = [Decimal(row[0]) for row in rows]
        assert all(rest < MARKETS[symbol].min_amount for rest in rests), "what could be sold was given up"
        return sum(rests, Decimal(0))

    @staticmethod
    def _coins(fills: list[Fill], symbol: str) -> Decimal:
        return sum(
            ((1 if fill.side is Side.BUY else -1) * fill.quantity for fill in fills if fill.symbol == symbol),
            Decimal(0),
        )


class HeldBackLife(OrderLife):
    """With users who pause and panic, in another process: cycles learn of it from what is stored. Whatever was decided
    before, and whatever is decided then, nothing is bought; `Wire` looks at each order."""

    @rule(
        symbol=st.sampled_from(SYMBOLS),
        mode=st.sampled_from([TradingMode.REDUCING, TradingMode.HALTED]),
        fate=st.sampled_from(["", "lost before", "lost after"]),
        fuse=FUSES,
    )
    def restrict_while_an_entry_is_under_way(self, symbol: str, mode: TradingMode, fate: str, fuse: int | None) -> None:
        self.resume()
        self.buy(symbol, 0.5, 500, 0.03, fate, fuse)
        self._foresee("", None)
        self.modes.restrict(ModeEntry(EVERY_ACCOUNT, mode, "PAUSED_BY_USER", "", self.world.now, "me"))

    @rule()
    def resume(self) -> None:
        self.modes.lift(EVERY_ACCOUNT, "me")


def _name(fill: Fill) -> str:
    return fill.fill_id


OrderLife.TestCase.settings = settings(
    max_examples=70,
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestOrderLife = OrderLife.TestCase
HeldBackLife.TestCase.settings = settings(OrderLife.TestCase.settings, max_examples=40)
TestHeldBackLife = HeldBackLife.TestCase
