"""The mood over a span of candles, for whoever looks at a whole past."""

from __future__ import annotations

from collections.abc import Mapping

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.sentiment.simulated import SimulatedSentiment
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.market_data import CandleSource

SENTIMENT_NAME = "fear_greed"
SENTIMENT_DAYS = 10
"""Before the first candle: longer than a week's change and a value's life."""


async def sentiment_over(market: CandleSource, database: Database, candles: Mapping[str, Candles]) -> SentimentSeries:
    """What was known of the mood over these candles, and a little before; neutral where there are none."""
    spans = [(int(each.open_at_ms[0]), each.last_at_ms) for each in candles.values() if len(each)]
    if not spans:
        return SentimentSeries.neutral()
    since_ms = min(first for first, _ in spans) - SENTIMENT_DAYS * DAY_MS
    until_ms = max(last for _, last in spans) + DAY_MS
    if isinstance(market, SimulatedExchange):
        return await SimulatedSentiment(market).series("", since_ms, until_ms)
    return SqliteSentiment(database).load_sentiment(SENTIMENT_NAME, since_ms, until_ms)
