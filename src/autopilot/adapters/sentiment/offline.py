"""Sentiment without a network: none, stored values of the past, and a made-up index for the simulated market."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.domain.candles import Candles
from autopilot.domain.errors import StoreError
from autopilot.domain.sentiment import FEAR_GREED, LOOKBACK_MS, SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.ports.market_data import CandleSource
from autopilot.ports.sentiment import SentimentSource, SentimentStore

READ_AHEAD_MS = 90 * DAY_MS
"""A replay asks for a moving window: so much more is read at once."""
MEMORY_HOURS = 240
CALM = 0.12
"""Log change over the memory at which the made-up index is three quarters of the way to an extreme."""

log = logging.getLogger(__name__)


class NeutralSentiment(SentimentSource):
    """For markets without sentiment, and for users who switched it off."""

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - the port's
        return SentimentSeries.neutral()


class StoredSentiment(SentimentSource):
    """For a replayed market: the stored values that were known at the replayed moment, never later ones."""

    def __init__(self, store: SentimentStore) -> None:
        self._store = store
        self._held = SentimentSeries.neutral(FEAR_GREED)
        self._held_ms: tuple[int, int] | None = None

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one for all
        if self._held_ms is None or not self._held_ms[0] <= since_ms <= now_ms <= self._held_ms[1]:
            self._load(since_ms, now_ms + READ_AHEAD_MS)
        return self._held.between(since_ms, now_ms)

    def _load(self, since_ms: int, until_ms: int) -> None:
        """A store that fails leaves this span neutral: to try again at each cycle would cost more than it brings."""
        try:
            self._held = self._store.load_sentiment(FEAR_GREED, since_ms, until_ms)
        except StoreError as error:
            log.warning("stored sentiment %s cannot be read, it is taken as neutral: %s", FEAR_GREED, error)
            self._held = SentimentSeries.neutral(FEAR_GREED)
        self._held_ms = since_ms, until_ms


class SimulatedSentiment(SentimentSource):
    """A made-up fear-and-greed index: it follows the last ten days of BTC/USD and is known when the day begins."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self._values: dict[int, float] = {}

    async def series(self, symbol: str, since_ms: int, now_ms: int) -> SentimentSeries:  # noqa: ARG002 - one for all
        days = range(since_ms // DAY_MS, now_ms // DAY_MS + 1)
        values = [self._value(day) for day in days]
        return SentimentSeries("simulated", np.array(days, dtype=np.int64) * DAY_MS, np.array(values))

    def _value(self, day: int) -> float:
        """The index of ``day``, from hours that closed before it began."""
        if day not in self._values:
            last_hour_ms = day * DAY_MS - Timeframe.H1.ms
            hours = self._exchange.known("BTC/USD", Timeframe.H1, last_hour_ms, MEMORY_HOURS).close
            change = float(np.log(hours[-1] / hours[0])) if len(hours) > 1 else 0.0
            self._values[day] = 50 + 45 * float(np.tanh(change / CALM))
        return self._values[day]


async def sentiment_over(
    market: CandleSource, store: SentimentStore, candles: Mapping[str, Candles]
) -> SentimentSeries:
    """The sentiment that was known over these candles, and `LOOKBACK_MS` before them; neutral without candles. Raises
    StoreError."""
    spans = [(int(each.open_at_ms[0]), each.last_at_ms) for each in candles.values() if len(each)]
    if not spans:
        return SentimentSeries.neutral()
    since_ms = min(first for first, _ in spans) - LOOKBACK_MS
    until_ms = max(last for _, last in spans) + DAY_MS
    if isinstance(market, SimulatedExchange):
        return await SimulatedSentiment(market).series("", since_ms, until_ms)
    return store.load_sentiment(FEAR_GREED, since_ms, until_ms)
