"""A mood for the made-up market, so that strategies which ask for one have something to go by."""

from __future__ import annotations

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.ports.sentiment import SentimentSource

MEMORY_HOURS = 240
CALM = 0.12
"""Log change over the memory at which the mood is three quarters of the way to an extreme."""


class SimulatedSentiment(SentimentSource):
    """A fear-and-greed index: the mood follows the last ten days of BTC/USD and is known when the day begins."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self._values: dict[int, float] = {}

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one mood for all
        days = range(since_ms // DAY_MS, now_ms // DAY_MS + 1)
        values = [await self._value(day) for day in days]
        return SentimentSeries("simulated", np.array(days, dtype=np.int64) * DAY_MS, np.array(values))

    async def _value(self, day: int) -> float:
        """The index of ``day``, from hours that closed before it began."""
        if day not in self._values:
            last_hour_ms = day * DAY_MS - Timeframe.H1.ms
            hours = (await self._exchange.history("BTC/USD", Timeframe.H1, last_hour_ms, MEMORY_HOURS)).close
            change = float(np.log(hours[-1] / hours[0])) if len(hours) > 1 else 0.0
            self._values[day] = 50 + 45 * float(np.tanh(change / CALM))
        return self._values[day]
