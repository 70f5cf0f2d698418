"""Orders of real money through the real broker, desk and database, before an exchange whose answers get lost, whose
books lag behind, and to which orders find their way late: nothing is sent twice, nothing is lost, and wrong rules show.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fake_event_sink import FakeEventSink
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.exchange.ccxt_broker import CcxtBroker
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.venue import Request
from autopilot.adapters.exchange.venues.kraken import KrakenOrders
from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.booking import is_unsellable_rest
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected, UnknownSymbol
from autopilot.domain.market import Market
from autopilot.domain.money import floor_to_step
from autopilot.domain.order import Order, OrderReport, OrderStatus, OrderType, Purpose, Side, client_order_id
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.missing_orders import LOOK_COUNTS_MS, MISSED_MS, MissingOrders
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.restrictions import Restrictions
from autopilot.execution.sending import Sending

ACCOUNT, SYMBOL, START_MS = "live:kraken", "BTC/USD", 1_900_000_000_000
MARKET = Market(SYMBOL, "BTC", "USD", *map(Decimal, ("0.0001", "0.1", "0.001", "1", "0.0025", "0.004")))
EXITS = ExitSettings(OrderSettings(stop_on_exchange=True), HOUR_MS)
PRICE, STOP = Decimal(100), Decimal(90)
PLACING = st.sampled_from(
    ["", "", "refused", "not sent", "lost", "arrives and lost", "arrives late", "killed before", "killed after"]
)
CANCELING = st.sampled_from(["", "", "lost before", "lost after"])
NEVER_MS = 10 * START_MS
STEPS = 10_000


class Killed(BaseException):
    """The process died here."""


@dataclass
class Theirs:
    """An order in the exchange's ledger. ``shown_ms``: from when on its lists show it; ``lost_until_ms``: until when it
    knows nothing of it."""

    txid: str
    name: str
    side: str
    quantity: Decimal
    price: Decimal
    is_stop: bool
    shown_ms: int
    status: str = "open"
    lost_until_ms: int = 0
    trades: list[dict[str, Any]] = field(default_factory=list)

    @property
    def executed(self) -> Decimal:
        return sum((Decimal(str(trade["amount"])) for trade in self.trades), Decimal(0))

    def document(self) -> dict[str, Any]:
        named = {"id": self.txid, "clientOrderId": self.name, "timestamp": self.shown_ms}
        return {**named, "status": self.status, "filled": float(self.executed), "trades": self.trades}


class Exchange:
    """What Kraken is to the gateway's callers. ``fate`` is what becomes of the next order, ``end`` of the next
    cancellation, ``lag_ms`` how far its lists are behind."""

    name = "kraken"

    def __init__(self) -> None:
        self.now = START_MS
        self.orders: list[Theirs] = []
        self.flying: list[tuple[int, int, Theirs]] = []
        self.coins = Decimal(0)
        self.fate = self.end = ""
        self.lag_ms = 0
        self.fee_in = "USD"
        self.is_away = False
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return self.now

    async def place(self, request: Request, until_ms: int) -> str:
        fate, self.fate = self.fate, ""
        if self.is_away or fate == "not sent" or self.now >= until_ms:
            raise MarketUnavailable("no connection")
        if fate == "killed before":
            raise Killed
        if fate == "refused":
            raise OrderRejected("EOrder:Insufficient funds")
        if fate == "lost":
            raise AnswerLost("reset")
        trigger, name = request.params.get("stopLossPrice"), request.params["clientOrderId"]
        paid, amount = Decimal(request.price or trigger or PRICE), Decimal(request.amount)
        order = Theirs(self._name(), name, request.side, amount, paid, trigger is not None, 0)
        if fate == "arrives late":
            self.flying.append((min(self.now + 6_000, until_ms - 1), until_ms, order))
            raise AnswerLost("timed out")
        self._accept(order, request.kind, self.now)
        if fate == "killed after":
            raise Killed
        if fate == "arrives and lost":
            raise AnswerLost("timed out")
        return order.txid

    async def cancel(self, exchange_order_id: str | None, symbol: str, params: Mapping[str, Any]) -> None:
        end, self.end = self.end, ""
        if self.is_away or end == "lost before":
            raise AnswerLost("reset")
        for order in self._known():
            if order.name == params["clientOrderId"] and order.status == "open":
                order.status = "canceled"
        if end == "lost after":
            raise AnswerLost("reset")

    async def query(self, method: str, *arguments: Any) -> Any:
        if self.is_away:
            raise MarketUnavailable("no connection")
        shown = [order for order in self._known() if order.shown_ms <= self.now]
        if method == "fetch_open_orders":
            return [order.document() for order in shown if order.status == "open"]
        if method == "fetch_closed_orders":
            return [order.document() for order in shown if order.status != "open"]
        if method == "fetch_balance":
            return {"total": {"BTC": float(self.coins)}, "free": {"BTC": float(self.coins)}}
        if method == "fetch_ticker":
            raise UnknownSymbol("what is paid with has no price here")
        order = next(each for each in shown if each.txid == arguments[0])
        # Told twice, as it happens where pages overlap.
        return order.trades + order.trades[:1]

    async def find(self, exchange_order_id: str, symbol: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if self.is_away:
            raise MarketUnavailable("no connection")
        shown = [order for order in self._known() if order.shown_ms <= self.now]
        return next((order.document() for order in shown if order.txid == exchange_order_id), None)

    async def clock_offset_ms(self) -> int:
        return 0

    def pass_time(self, span_ms: int) -> None:
        self.now += span_ms
        for arrives_ms, until_ms, order in self.flying:
            if arrives_ms <= self.now and arrives_ms < until_ms:
                self._accept(order, "limit", arrives_ms)
        self.flying = [each for each in self.flying if each[0] > self.now]

    def fill(self, order: Theirs, quantity: Decimal) -> None:
        quantity = min(quantity, order.quantity - order.executed)
        if order.status != "open" or not quantity:
            return
        fee = quantity * Decimal("0.004") if self.fee_in == "BTC" else Decimal("0.1")
        sign = 1 if order.side == "buy" else -1
        self.coins += sign * quantity
        if self.fee_in == "BTC" and order.side == "buy":
            self.coins -= fee
        told_in = "USD" if self.fee_in == "BTC" and order.side == "sell" else self.fee_in
        order.trades.append(
            {
                "id": self._name(),
                "order": order.txid,
                "side": order.side,
                "amount": float(quantity),
                "price": float(order.price),
                "timestamp": self.now,
                "fee": {"cost": float(fee), "currency": told_in},
            }
        )
        if order.executed == order.quantity:
            order.status = "closed"

    def _known(self) -> list[Theirs]:
        return [order for order in self.orders if order.lost_until_ms <= self.now]

    def _accept(self, order: Theirs, kind: str, at_ms: int) -> None:
        twins = [each for each in self.orders if each.name == order.name]
        assert not twins, "an order that the exchange has was sent again"
        if order.side == "sell":
            bound = sum((each.quantity - each.executed for each in self.orders if _sells(each)), Decimal(0))
            assert order.quantity <= self.coins - bound, "more is being sold than is held"
        order.shown_ms = at_ms + self.lag_ms
        self.orders.append(order)
        if kind == "market" and not order.is_stop:
            self.fill(order, order.quantity)

    def _name(self) -> str:
        return f"X{next(self._numbers)}"


def _sells(order: Theirs) -> bool:
    return order.status == "open" and order.side == "sell" and order.name != "foreign"


class OrderLife(RuleBasedStateMachine):
    """Cycles of one symbol, as the engine runs them."""

    steps = 0
    broker_class: type[CcxtBroker] = CcxtBroker
    desk_class: type[OrderDesk] = OrderDesk

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.exchange.orders.append(Theirs("F", "foreign", "sell", Decimal(1), Decimal(900), False, 0))
        self._directory = directory_in_memory()
        self._start()

    def teardown(self) -> None:
        try:
            self._settle()
        finally:
            self.database.close()
            self._directory.cleanup()

    def _settle(self) -> None:
        """Once the exchange answers, two reconciliations an hour apart leave nothing open to question, but for what it
        has lost: that takes an hour of looks."""
        self.exchange.is_away, self.exchange.fate, self.exchange.end, self.exchange.lag_ms = False, "", "", 0
        for pause_ms in (MISSED_MS, MISSED_MS, *[LOOK_COUNTS_MS] * (MISSED_MS // LOOK_COUNTS_MS)):
            if pause_ms == MISSED_MS or self._lost():
                self.exchange.pass_time(pause_ms)
                self._do(self.desk.reconcile(MARKET))
                self._do(self.desk.follow(MARKET))
        open_here = self.ledger.open_orders(ACCOUNT)
        assert not [order for order in open_here if order.status in _UNSETTLED], "its fate is still unknown"
        assert not self._lost(), "it waits for an order that is lost"
        names = {order.name for order in self.exchange.orders if order.name != "foreign"}
        assert all(self.ledger.order(name) for name in names), "an order there that is none of ours"
        booked = {row[0] for row in self.database.rows("SELECT fill_id FROM fills")}
        assert booked == {trade["id"] for order in self.exchange.orders for trade in order.trades}, "fills differ"
        held = sum((each.quantity for each in self.ledger.positions(ACCOUNT)), Decimal(0))
        for each in self.ledger.positions(ACCOUNT):
            last = self.ledger.last_exit(ACCOUNT, SYMBOL, each.opened_at_ms)
            assert not (last and is_unsellable_rest(each, last, MARKET)), "its round trip goes on for ever"
        rests = [Decimal(row[0]) for row in self.database.rows("SELECT written_off FROM round_trips")]
        assert held == self.exchange.coins - sum(rests), "positions are not what the exchange has"
        assert all(0 <= rest < MARKET.min_amount for rest in rests), "what could be sold was given up"

    @rule(fate=PLACING, is_market=st.booleans(), lag_ms=st.sampled_from([0, 0, 4_000]), size=st.integers(20, 90))
    def enter(self, fate: str, is_market: bool, lag_ms: int, size: int) -> None:
        name = client_order_id(ACCOUNT, SYMBOL, self.exchange.now, Purpose.ENTRY)
        # A moment is decided once.
        if self.ledger.positions(ACCOUNT) or self.ledger.open_orders(ACCOUNT) or self.ledger.order(name):
            return
        self.exchange.lag_ms, self.exchange.fate = lag_ms, fate
        self.ledger.save_order(
            Order(
                client_order_id=name,
                account=ACCOUNT,
                symbol=SYMBOL,
                side=Side.BUY,
                type=OrderType.MARKET if is_market else OrderType.LIMIT,
                purpose=Purpose.ENTRY,
                quantity=Decimal(size) / 1000,
                price=None if is_market else PRICE,
                reference_price=PRICE,
                created_at_ms=self.exchange.now,
                expires_at_ms=None if is_market else self.exchange.now + HOUR_MS,
                strategy="macd",
                reason="",
                stop=STOP,
                updated_at_ms=self.exchange.now,
            )
        )
        self._cycle()

    @rule(fate=PLACING, end=CANCELING, is_stop=st.booleans())
    def touch_a_level(self, fate: str, end: str, is_stop: bool) -> None:
        self.exchange.fate, self.exchange.end = fate, end
        trigger = ExitOrder(Purpose.STOP_LOSS if is_stop else Purpose.TAKE_PROFIT, STOP if is_stop else PRICE, "")
        self._cycle(trigger)

    @rule(fate=PLACING, end=CANCELING)
    def decide_to_sell(self, fate: str, end: str) -> None:
        """Stored with its decision, sent by the cycle."""
        held = next(iter(self.ledger.positions(ACCOUNT)), None)
        name = client_order_id(ACCOUNT, SYMBOL, self.exchange.now, Purpose.TAKE_PROFIT)
        exits = [order for order in self.ledger.open_orders(ACCOUNT) if order.is_working_exit]
        quantity = floor_to_step(held.quantity, MARKET.amount_step) if held else Decimal(0)
        if not quantity or exits or self.ledger.order(name):
            return
        self.exchange.fate, self.exchange.end = fate, end
        self.ledger.save_order(
            Order(
                client_order_id=name,
                account=ACCOUNT,
                symbol=SYMBOL,
                side=Side.SELL,
                type=OrderType.LIMIT,
                purpose=Purpose.TAKE_PROFIT,
                quantity=quantity,
                price=PRICE,
                reference_price=PRICE,
                created_at_ms=self.exchange.now,
                expires_at_ms=self.exchange.now + HOUR_MS,
                strategy="macd",
                reason="",
                updated_at_ms=self.exchange.now,
            )
        )
        self._cycle()

    @rule(end=CANCELING)
    def flatten(self, end: str) -> None:
        self.exchange.end = end
        self._do(self.desk.flatten(PRICE, MARKET, EXITS))

    @rule(part=st.integers(1, 60), which=st.integers(0, 3), fee_in=st.sampled_from(["USD", "BTC", "KFEE"]))
    def trade(self, part: int, which: int, fee_in: str) -> None:
        resting = [order for order in self.exchange.orders if order.status == "open" and order.name != "foreign"]
        if resting:
            self.exchange.fee_in = fee_in
            self.exchange.fill(resting[which % len(resting)], Decimal(part) / 1000)

    @rule(span_ms=st.sampled_from([MINUTE_MS, MISSED_MS - 1_000, NEVER_MS]), which=st.integers(0, 3))
    def lose(self, span_ms: int, which: int) -> None:
        """An order which both sides call open, the stop of a new position where there is none, is unknown to the
        exchange for a while, and lives on there; or it ends without a word and is forgotten."""
        self.exchange.is_away = False
        self.enter("", True, 0, 50)
        if resting := self._agreed():
            lost = resting[which % len(resting)]
            lost.lost_until_ms = self.exchange.now + span_ms
            lost.status = "canceled" if span_ms == NEVER_MS else "open"

    @rule(span_ms=st.sampled_from([1_000, 7_000, 20_000, MINUTE_MS, HOUR_MS]))
    def wait(self, span_ms: int) -> None:
        self.exchange.pass_time(span_ms)

    @rule(fate=PLACING)
    def cycle(self, fate: str) -> None:
        self.exchange.fate = fate
        self._cycle()

    @rule()
    def reconcile(self) -> None:
        self._do(self.desk.reconcile(MARKET))

    @rule()
    def restart(self) -> None:
        self.database.close()
        self._start()

    @rule(is_away=st.booleans())
    def outage(self, is_away: bool) -> None:
        self.exchange.is_away = is_away

    @invariant()
    def nobody_touches_what_is_not_ours(self) -> None:
        type(self).steps += 1
        assert self.exchange.orders[0].status == "open"

    def _lost(self) -> set[str]:
        """What is open here and not there."""
        open_there = {order.name for order in self.exchange.orders if order.status == "open"}
        return {order.client_order_id for order in self.ledger.open_orders(ACCOUNT)} - open_there

    def _agreed(self) -> list[Theirs]:
        """Orders of ours that are open on the exchange, were never lost, and are here with all that they traded."""
        booked = {
            order.client_order_id: order.filled for order in self.ledger.open_orders(ACCOUNT) if order.exchange_order_id
        }
        never_lost = [order for order in self.exchange.orders if order.status == "open" and not order.lost_until_ms]
        return [order for order in never_lost if booked.get(order.name) == order.executed]

    def _start(self) -> None:
        self.database = ready_database(Path(self._directory.name) / "autopilot.db")
        self.ledger = SqliteLedger(self.database)
        gateway: Any = self.exchange
        theirs = ExchangeClock("kraken", self.exchange, self.exchange)
        broker = self.broker_class(ACCOUNT, gateway, KrakenOrders(), theirs)
        self.desk = self.desk_class(
            ACCOUNT, broker, self.ledger, self.exchange, FakeEventSink(), Restrictions(), stops=True
        )

    def _cycle(self, trigger: ExitOrder | None = None) -> None:
        self._do(self._watch(trigger))

    async def _watch(self, trigger: ExitOrder | None) -> None:
        await self.desk.follow(MARKET)
        if trigger and self.ledger.positions(ACCOUNT):
            await self.desk.exit_position(trigger, MARKET, EXITS)
        for held in self.ledger.positions(ACCOUNT):
            await self.desk.finish_exit(held, PRICE, MARKET, EXITS)
        await self.desk.protect(MARKET, EXITS)

    def _do(self, work: Any) -> None:
        """To its end: nothing here has anything to wait for. A process that died is followed by another one."""
        try:
            with suppress(StopIteration, ExchangeError):
                work.send(None)
        except Killed:
            self.restart()
        finally:
            work.close()


_UNSETTLED = (OrderStatus.NEW, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN)


class SureTooSoon(CcxtBroker):
    """Wrong: what is not found is not there, and so it is sent again."""

    async def lookup(self, order: Order) -> OrderReport | None:
        try:
            return await super().lookup(order)
        except MarketUnavailable as error:
            if "may still arrive" in str(error):
                return None
            raise


class Dismissive(SureTooSoon):
    """Wrong: what is not found was rejected."""

    async def lookup(self, order: Order) -> OrderReport | None:
        found = await super().lookup(order)
        rejected = OrderReport(order.client_order_id, "", OrderStatus.REJECTED, Decimal(0), (), self._clock.now_ms())
        return found or rejected


class Hasty(OrderDesk):
    """Wrong: sells without waiting for the end of the stop that rests on the exchange."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        class Careless(Sending):
            async def _is_covered(self, order: Order, market: Market) -> bool:
                return True

        super().__init__(*arguments, **more)
        self._sending.__class__ = Careless


class Forgetful(OrderDesk):
    """Wrong: an order that the exchange does not know at one moment is over."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        class Once(MissingOrders):
            def miss(self, order: Order, now_ms: int) -> None: ...

        super().__init__(*arguments, **more)
        self._sending._missing = Once()


class Impatient(CcxtBroker):
    """Wrong: an order whose answer is lost is sent once more at once."""

    async def submit(self, order: Order, market: Market) -> OrderReport:
        try:
            return await super().submit(order, market)
        except AnswerLost:
            return await super().submit(order, market)


def _settings(examples: int, *phases: Phase) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=50,
        derandomize=True,
        database=None,
        phases=phases,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


def test_ten_thousand_steps() -> None:
    class Counted(OrderLife):
        steps = 0

    run_state_machine_as_test(Counted, settings=_settings(400, Phase.generate, Phase.shrink))
    assert Counted.steps >= STEPS


@pytest.mark.parametrize("wrong", [SureTooSoon, Dismissive, Impatient])
def test_a_wrong_broker_is_caught(wrong: type[CcxtBroker]) -> None:
    class Wrong(OrderLife):
        broker_class = wrong

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Wrong, settings=_settings(400, Phase.generate))


@pytest.mark.parametrize("wrong", [Hasty, Forgetful])
def test_a_wrong_desk_is_caught(wrong: type[OrderDesk]) -> None:
    class Wrong(OrderLife):
        desk_class = wrong

    with pytest.raises(AssertionError):
        run_state_machine_as_test(Wrong, settings=_settings(400, Phase.generate))
