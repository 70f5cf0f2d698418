"""Faults on request: what exchanges do to those who trade on them, decided by a seed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.clock import Clock

_AGAIN = "nothing to do: it is tried again"


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Probabilities in [0, 1] of each fault at each call. ``slow_s``: how long a slow answer takes. ``maintenance_ms``:
    market times [from, to) at which nothing answers. ``clock_skew_ms``: how far the exchange's clock is ahead."""

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

    def chance(self, *key: object) -> float:
        """A number in [0, 1) that follows from the seed and the key alone."""
        text = "|".join(str(part) for part in (self.seed, *key))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7]) / 2**56

    def in_maintenance(self, now_ms: int) -> bool:
        return self.maintenance_ms is not None and self.maintenance_ms[0] <= now_ms < self.maintenance_ms[1]


class FetchFaults:
    """Faults of public data. Deterministic in (seed, symbol, how often it was asked)."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._calls: Counter[str] = Counter()

    async def strike(self, symbol: str) -> None:
        """May wait. Raises MarketUnavailable."""
        self._calls[symbol] += 1
        call = self._calls[symbol]
        if self._plan.chance("slow", symbol, call) < self._plan.fetch_slow:
            await asyncio.sleep(self._plan.slow_s)
        if self._plan.chance("unavailable", symbol, call) < self._plan.fetch_unavailable:
            raise MarketUnavailable(f"{symbol}: rate limited (an injected fault)", hint=_AGAIN)


class FaultyBroker:
    """A Broker that loses answers, refuses and goes away. Deterministic in (seed, client order id, call, how often)."""

    def __init__(self, broker: Broker, plan: FaultPlan, clock: Clock) -> None:
        self._broker = broker
        self._plan = plan
        self._clock = clock
        self._calls: Counter[tuple[str, str]] = Counter()

    async def submit(self, order: Order, market: Market) -> OrderReport:
        chance = self._chance("submit", order.client_order_id)
        for share, error in (
            (self._plan.rejected, OrderRejected("refused by the exchange (an injected fault)", hint=_AGAIN)),
            (self._plan.lost_before_accept, AnswerLost("time-out, not accepted (an injected fault)", hint=_AGAIN)),
        ):
            if chance < share:
                raise error
            chance -= share
        report = await self._broker.submit(order, market)
        if chance < self._plan.lost_after_accept:
            raise AnswerLost("time-out, accepted (an injected fault)", hint=_AGAIN)
        return report

    async def cancel(self, order: Order) -> OrderReport:
        chance = self._chance("cancel", order.client_order_id)
        report = await self._broker.cancel(order)
        if chance < self._plan.lost_after_accept:
            raise AnswerLost("time-out of a cancellation (an injected fault)", hint=_AGAIN)
        return report

    async def lookup(self, order: Order) -> OrderReport | None:
        self._chance("lookup", order.client_order_id)
        return await self._broker.lookup(order)

    async def open_orders(self, symbol: str) -> tuple[OrderReport, ...]:
        self._chance("open_orders", symbol)
        return await self._broker.open_orders(symbol)

    async def balances(self) -> Mapping[str, Balance]:
        self._chance("balances", "")
        return await self._broker.balances()

    def _chance(self, call: str, subject: str) -> float:
        """This call's number. Raises MarketUnavailable when the exchange is away."""
        if self._plan.in_maintenance(self._clock.now_ms()):
            raise MarketUnavailable("in maintenance (an injected fault)", hint=_AGAIN)
        self._calls[call, subject] += 1
        often = self._calls[call, subject]
        if self._plan.chance("away", call, subject, often) < self._plan.broker_unavailable:
            raise MarketUnavailable("no connection (an injected fault)", hint=_AGAIN)
        return self._plan.chance(call, subject, often)
