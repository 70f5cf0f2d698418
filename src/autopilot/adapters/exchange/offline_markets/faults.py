"""Injected faults of an exchange, decided by a seed.

The fate of an order follows from the seed, its client order id and the market's time, and from nothing in memory: after
a kill and a restart the same order has the same fate. A query fails by the number of its repetitions at one moment, so
that another attempt helps although the time of a stored market stands still.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping

from autopilot.adapters.exchange.offline_markets.settings import FaultPlan
from autopilot.domain.errors import AnswerLost, MarketUnavailable, OrderRejected
from autopilot.domain.market import Market
from autopilot.domain.order import Order, OrderReport
from autopilot.ports.broker import Balance, Broker
from autopilot.ports.clock import Clock

_HINT = "injected by [replay.faults]; it is tried again"


class FetchFaults:
    """Faults of public data. Deterministic in (seed, symbol, number of the request)."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._asked: Counter[str] = Counter()

    async def strike(self, symbol: str) -> None:
        """May wait. Raises MarketUnavailable."""
        self._asked[symbol] += 1
        attempt = self._asked[symbol]
        if self._plan.strikes(self._plan.fetch_slow, "slow", symbol, attempt):
            await asyncio.sleep(self._plan.slow_s)
        if self._plan.strikes(self._plan.fetch_unavailable, "unavailable", symbol, attempt):
            raise MarketUnavailable(f"{symbol}: rate limited (an injected fault)", hint=_HINT)


class FaultyBroker(Broker):
    """Loses answers, rejects orders and becomes unavailable, as ``plan`` says."""

    def __init__(self, broker: Broker, plan: FaultPlan, clock: Clock) -> None:
        self._broker = broker
        self._plan = plan
        self._clock = clock
        self._asked_at_ms = 0
        self._asked: Counter[tuple[str, str]] = Counter()

    async def submit(self, order: Order, market: Market) -> OrderReport:
        plan, key = self._plan, (order.client_order_id, self._clock.now_ms())
        if plan.in_maintenance(key[1]):
            raise MarketUnavailable("in maintenance (an injected fault)", hint=_HINT)
        if plan.strikes(plan.broker_unavailable, "away", *key):
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
        often = self._ask("cancel", order.client_order_id)
        report = await self._broker.cancel(order)
        key = ("cancel", order.client_order_id, self._clock.now_ms(), often)
        if self._plan.strikes(self._plan.lost_after_accept, *key):
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

    def _ask(self, call: str, subject: str) -> int:
        """The number of times this was called at this moment. Raises MarketUnavailable while the exchange is away."""
        now_ms = self._clock.now_ms()
        if now_ms != self._asked_at_ms:
            self._asked.clear()
            self._asked_at_ms = now_ms
        self._asked[call, subject] += 1
        often = self._asked[call, subject]
        if often == 1 and self._plan.in_maintenance(now_ms):
            raise MarketUnavailable("in maintenance (an injected fault)", hint=_HINT)
        if self._plan.strikes(self._plan.broker_unavailable, "away", call, subject, now_ms, often):
            raise MarketUnavailable("no connection (an injected fault)", hint=_HINT)
        return often
