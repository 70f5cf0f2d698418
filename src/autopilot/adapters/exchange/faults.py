"""Faults on request: what exchanges do to those who trade on them, decided by a seed.

What becomes of an order follows from the seed, its client order id and the market's time, and from nothing that is kept
in memory: after a kill and a restart the same order meets the same fate. What is only asked fails by how often it was
asked at one moment, so that asking again helps although a stored market's time stands still meanwhile.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autopilot.adapters.clock import MarketClock
from autopilot.domain.candles import Candle, Candles
from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market, MarketKind
from autopilot.domain.order import Order, OrderReport
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import CandleSource, MarketSnapshot
from autopilot.ports.observer import PriceObserver

_HINT = "injected by [replay.faults]; it is tried again"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Probabilities in [0, 1] of each fault at each call; an order meets at most one of the three that name orders.
    ``slow_s``: how long a slow answer takes. ``maintenance_ms``: market times [from, to) at which no order is taken and
    every other call fails once. ``clock_skew_ms``: how far the exchange's clock is ahead."""

    seed: int = 1
    fetch_unavailable: float = 0.0
    fetch_slow: float = 0.0
    slow_s: float = 0.05
    lost_after_accept: float = 0.0
    lost_before_accept: float = 0.0
    rejected: float = 0.0
    broker_unavailable: float = 0.0
    maintenance_ms: tuple[int, int] | None = None
    clock_skew_ms: int = 0

    @property
    def any(self) -> bool:
        """Whether there is a fault at all."""
        chances = self.fetch_unavailable, self.fetch_slow, self.lost_after_accept, self.lost_before_accept
        rest = self.rejected, self.broker_unavailable, self.clock_skew_ms
        return any((*chances, *rest)) or self.maintenance_ms is not None

    def chance(self, *key: object) -> float:
        """A number in [0, 1) that follows from the seed and the key alone."""
        text = "|".join(str(part) for part in (self.seed, *key))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56

    def in_maintenance(self, now_ms: int) -> bool:
        return self.maintenance_ms is not None and self.maintenance_ms[0] <= now_ms < self.maintenance_ms[1]


class FetchFaults:
    """Faults of public data. Deterministic in (seed, symbol, what was asked for, how often)."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._asked: dict[str, tuple[int | None, int]] = {}

    async def strike(self, symbol: str, since_ms: int | None = None, now_ms: int | None = None) -> None:
        """May wait. Raises MarketUnavailable."""
        before, times = self._asked.get(symbol, (since_ms, 0))
        attempt = times + 1 if before == since_ms else 1
        self._asked[symbol] = since_ms, attempt
        if self._plan.chance("slow", symbol, since_ms, attempt) < self._plan.fetch_slow:
            await asyncio.sleep(self._plan.slow_s)
        if now_ms is not None and attempt == 1 and self._plan.in_maintenance(now_ms):
            raise MarketUnavailable(f"{symbol}: in maintenance (an injected fault)", hint=_HINT)
        if self._plan.chance("unavailable", symbol, since_ms, attempt) < self._plan.fetch_unavailable:
            raise MarketUnavailable(f"{symbol}: rate limited (an injected fault)", hint=_HINT)


class FaultyCandles:
    """A CandleSource whose fetches are slow or fail; all else is the source's own."""

    def __init__(self, source: CandleSource, plan: FaultPlan) -> None:
        self._source = source
        self._faults = FetchFaults(plan)
        self._clock = MarketClock(source.clock.now_ms, plan.clock_skew_ms)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def kind(self) -> MarketKind:
        return self._source.kind

    @property
    def clock(self) -> Clock:
        return self._clock

    async def market(self, symbol: str) -> Market:
        return await self._source.market(symbol)

    def join(self, timeframe: Timeframe, symbols: Mapping[str, int | None]) -> None:
        self._source.join(timeframe, symbols)

    def leave(self, symbol: str) -> None:
        self._source.leave(symbol)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        await self._faults.strike(symbol, since_ms, self._source.clock.now_ms())
        return await self._source.fetch(symbol, timeframe, since_ms, limit)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return await self._source.history(symbol, timeframe, until_ms, limit)

    async def close(self) -> None:
        await self._source.close()


class PaperExchange(Broker, PriceObserver, Protocol):
    """What stands behind the faults."""


class FaultyBroker:
    """A Broker and PriceObserver that loses answers, refuses and goes away."""

    def __init__(self, broker: PaperExchange, plan: FaultPlan, clock: Clock) -> None:
        self._broker = broker
        self._plan = plan
        self._clock = clock
        self._asked_at_ms = 0
        self._asked: Counter[tuple[str, str]] = Counter()

    def on_candle(self, market: Market, timeframe: Timeframe, candle: Candle) -> None:
        self._broker.on_candle(market, timeframe, candle)

    def on_price(self, market: Market, price: float, at_ms: int) -> None:
        self._broker.on_price(market, price, at_ms)

    async def submit(self, order: Order, market: Market) -> OrderReport:
        plan, key = self._plan, (order.client_order_id, self._clock.now_ms())
        if plan.in_maintenance(key[1]):
            raise MarketUnavailable("in maintenance (an injected fault)", hint=_HINT)
        if plan.chance("away", *key) < plan.broker_unavailable:
            raise MarketUnavailable("no connection (an injected fault)", hint=_HINT)
        fate = plan.chance("submit", *key)
        if fate < plan.rejected:
            raise OrderRejected("refused by the exchange (an injected fault)", hint=_HINT)
        fate -= plan.rejected
        if fate < plan.lost_before_accept:
            raise AnswerLost("time-out, not accepted (an injected fault)", hint=_HINT)
        fate -= plan.lost_before_accept
        report = await self._broker.submit(order, market)
        if fate < plan.lost_after_accept:
            raise AnswerLost("time-out, accepted (an injected fault)", hint=_HINT)
        return report

    async def cancel(self, order: Order) -> OrderReport:
        self._ask("cancel", order.client_order_id)
        report = await self._broker.cancel(order)
        if self._plan.chance("cancel", order.client_order_id) < self._plan.lost_after_accept:
            raise AnswerLost("time-out of a cancellation (an injected fault)", hint=_HINT)
        return report

    async def lookup(self, order: Order) -> OrderReport | None:
        self._ask("lookup", order.client_order_id)
        return await self._broker.lookup(order)

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        self._ask("open_orders", symbol)
        return await self._broker.open_orders(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        self._ask("balances", "")
        return await self._broker.balances()

    def _ask(self, call: str, subject: str) -> None:
        """Raises MarketUnavailable when the exchange is away."""
        now_ms = self._clock.now_ms()
        if now_ms != self._asked_at_ms:
            self._asked.clear()
            self._asked_at_ms = now_ms
        self._asked[call, subject] += 1
        often = self._asked[call, subject]
        if often == 1 and self._plan.in_maintenance(now_ms):
            raise MarketUnavailable("in maintenance (an injected fault)", hint=_HINT)
        if self._plan.chance("away", call, subject, now_ms, often) < self._plan.broker_unavailable:
            raise MarketUnavailable("no connection (an injected fault)", hint=_HINT)
