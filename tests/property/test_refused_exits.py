"""Exits before an exchange whose refusals change: by the type of the order, its amount, and the coins that are free. A
position gets out soon after some order would, nothing is sold twice, and the exchange is asked seldom."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from fake_clock import FakeClock
from fake_event_sink import FakeEventSink
from hypothesis import Phase as HPhase
from hypothesis import given, settings
from hypothesis import strategies as st
from orders import an_order
from ready_database import directory_in_memory, ready_database

from autopilot.adapters.store.ledger import SqliteLedger
from autopilot.domain.errors import AnswerLost, ExchangeError, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Fill, Order, OrderReport, OrderStatus, OrderType, Purpose, Side
from autopilot.domain.timeframe import HOUR_MS, MINUTE_MS
from autopilot.execution.exit_order import ExitOrder
from autopilot.execution.exits import ExitSettings
from autopilot.execution.order_desk import OrderDesk
from autopilot.execution.order_type import OrderSettings
from autopilot.execution.restrictions import Restrictions
from autopilot.ports.broker import Balance, Broker

ACCOUNT = "live:kraken"
MARKET = Market("BTC/USD", "BTC", "USD", *map(Decimal, ("0.001", "0.1", "0.001", "0.01", "0.0025", "0.004")))
EXITS = ExitSettings(OrderSettings(), HOUR_MS)
HELD, PRICE = Decimal("0.064"), Decimal(100)
ENOUGH = 120
"""Cycles after which a position must be out that could get out all the time."""
MOST_REFUSALS = 40
"""Until then: the sizes from the whole down to one that is taken, of two types, for each part."""


class Killed(BaseException):
    """The process died here."""


@dataclass(frozen=True)
class Phase:
    """What the exchange takes for so many ``cycles``. ``is_frank``: it gives its reasons; ``reaches``: a limit that is
    below the price trades; ``fault``: of the first order in it."""

    cycles: int
    market: bool
    limit: bool
    most: Decimal
    reserved: Decimal
    is_frank: bool
    reaches: bool
    fault: str = ""


AMOUNTS = st.sampled_from([Decimal("0.016"), Decimal("0.03"), HELD])
PHASES = st.lists(
    st.builds(
        Phase,
        cycles=st.integers(1, 12),
        market=st.booleans(),
        limit=st.booleans(),
        most=AMOUNTS,
        reserved=st.sampled_from([Decimal(0), Decimal(0), Decimal("0.01"), HELD]),
        is_frank=st.booleans(),
        reaches=st.booleans(),
        fault=st.sampled_from(["", "", "killed before", "killed after", "lost before", "lost after", "away"]),
    ),
    max_size=4,
)
LAST = st.builds(
    Phase,
    cycles=st.just(ENOUGH),
    market=st.just(True),
    limit=st.just(True),
    most=AMOUNTS,
    reserved=st.just(Decimal(0)),
    is_frank=st.booleans(),
    reaches=st.just(True),
).flatmap(lambda phase: st.sampled_from([phase, replace(phase, market=False), replace(phase, limit=False)]))


@dataclass
class Moody(Broker):
    """An exchange with `HELD` coins of ours."""

    clock: FakeClock
    phase: Phase
    coins: Decimal = HELD
    orders: dict[str, tuple[Order, OrderReport]] = field(default_factory=dict)
    refusals: int = 0
    looks: int = 0

    async def submit(self, order: Order, market: Market) -> OrderReport:
        fault, self.phase = self.phase.fault, replace(self.phase, fault="")
        if fault == "killed before":
            raise Killed
        if fault == "lost before":
            raise AnswerLost("reset")
        if fault == "away":
            raise MarketUnavailable("no connection")
        report = self._accepted(order)
        if fault == "killed after":
            raise Killed
        if fault == "lost after":
            raise AnswerLost("reset")
        return report

    def _accepted(self, order: Order) -> OrderReport:
        phase = self.phase
        assert order.client_order_id not in self.orders, "sent twice"
        assert not [each for _, each in self.orders.values() if not each.status.is_final], "two orders are alive"
        assert order.quantity <= self.coins, "more is sold than is there"
        words = ""
        if not (phase.market if order.type is OrderType.MARKET else phase.limit):
            words = "Market in limit_only mode" if order.type is OrderType.MARKET else "no"
        elif order.quantity > self.coins - phase.reserved:
            words = "Insufficient funds"
        elif order.quantity > phase.most:
            words = "amount too large"
        if words:
            self.refusals += 1
            raise OrderRejected(words if phase.is_frank else "no")
        if order.type is OrderType.LIMIT and not phase.reaches:
            return self._keep(order, OrderStatus.OPEN, ())
        name = order.client_order_id
        fill = Fill(
            name, name, ACCOUNT, "BTC/USD", Side.SELL, order.quantity, PRICE, Decimal(0), "USD", False, self.clock.at_ms
        )
        self.coins -= order.quantity
        return self._keep(order, OrderStatus.FILLED, (fill,))

    def _keep(self, order: Order, status: OrderStatus, fills: tuple[Fill, ...]) -> OrderReport:
        name, filled = order.client_order_id, sum((each.quantity for each in fills), Decimal(0))
        self.orders[name] = (order, OrderReport(name, f"X{name}", status, filled, fills, self.clock.at_ms))
        return self.orders[name][1]

    async def cancel(self, order: Order) -> OrderReport:
        known, report = self.orders[order.client_order_id]
        return report if report.status.is_final else self._keep(known, OrderStatus.CANCELED, ())

    async def lookup(self, order: Order) -> OrderReport | None:
        found = self.orders.get(order.client_order_id)
        return found[1] if found else None

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        return tuple(report for _, report in self.orders.values() if not report.status.is_final)

    async def balances(self) -> Mapping[str, Balance]:
        self.looks += 1
        return {"BTC": Balance(self.coins, max(self.coins - self.phase.reserved, Decimal(0)))}


class Seller:
    """Cycles of one symbol whose stop stays touched, on books that outlive each process."""

    def __init__(self, directory: Path, phase: Phase) -> None:
        self.clock = FakeClock()
        self.exchange = Moody(self.clock, phase)
        database = ready_database(directory / "autopilot.db")
        self.database, self.ledger = database, SqliteLedger(database)
        bought = an_order(
            "bought",
            account=ACCOUNT,
            quantity=HELD,
            filled=HELD,
            status=OrderStatus.FILLED,
            exchange_order_id="X",
            created_at_ms=self.clock.at_ms,
        )
        fill = Fill(
            "f", "bought", ACCOUNT, "BTC/USD", Side.BUY, HELD, PRICE, Decimal(0), "USD", False, self.clock.at_ms
        )
        self.ledger.apply_fills(bought, (fill,))
        self.restart()

    def restart(self) -> None:
        self.desk = OrderDesk(ACCOUNT, self.exchange, self.ledger, self.clock, FakeEventSink(), Restrictions())

    @property
    def left(self) -> Decimal:
        return sum((each.quantity for each in self.ledger.positions(ACCOUNT)), Decimal(0))

    def cycle(self) -> None:
        self.clock.at_ms += MINUTE_MS
        refusals, looks = self.exchange.refusals, self.exchange.looks
        work = self._work()
        try:
            with suppress(StopIteration, ExchangeError):
                work.send(None)
        except Killed:
            self.restart()
        finally:
            work.close()
        assert self.exchange.refusals - refusals <= 1, "one refused attempt a cycle"
        assert self.exchange.looks - looks <= 1, "one question about balances a cycle"

    async def _work(self) -> Any:
        await self.desk.follow(MARKET)
        trigger = ExitOrder(Purpose.STOP_LOSS, PRICE, "the stop was touched")
        if self.ledger.positions(ACCOUNT):
            await self.desk.exit_position(trigger, MARKET, EXITS)
        for held in self.ledger.positions(ACCOUNT):
            await self.desk.finish_exit(held, PRICE, MARKET, EXITS)


@given(phases=PHASES, last=LAST)
@settings(max_examples=60, deadline=None, phases=[HPhase.explicit, HPhase.reuse, HPhase.generate])
def test_a_position_gets_out_as_soon_as_some_order_would(phases: list[Phase], last: Phase) -> None:
    with directory_in_memory() as directory:
        seller = Seller(Path(directory), last)
        with closing(seller.database):
            for phase in phases:
                seller.exchange.phase = phase
                for _ in range(phase.cycles):
                    seller.cycle()
            seller.exchange.phase, seller.exchange.refusals = last, 0
            cycles = 0
            while seller.left and cycles < ENOUGH:
                seller.cycle()
                cycles += 1
            assert seller.left == seller.exchange.coins == 0
            assert seller.exchange.refusals <= MOST_REFUSALS
