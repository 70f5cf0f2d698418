"""The input of analysis and strategies: one symbol's candles and the external data known at each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autopilot.analysis.indicators import Indicators
from autopilot.analysis.regime import RegimeArrays, classify
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import Timeframe

REFERENCE_LIFE = 3
"""Number of candles for which a reference close replaces missing later ones."""


@dataclass(frozen=True, eq=False)
class MarketView:
    """``n`` closed candles of one symbol, and the external data known at the close of each.

    ``reference_close`` float64[n]: closes of the reference symbol, NaN if missing. ``sentiment`` float64[n]: 0 (extreme
    fear) to 100 (extreme greed), NaN if unknown. Both are None without a source.
    """

    symbol: str
    candles: Candles
    indicators: Indicators
    reference_close: FloatArray | None
    sentiment: FloatArray | None

    @property
    def timeframe(self) -> Timeframe:
        return self.candles.timeframe

    @cached_property
    def regimes(self) -> RegimeArrays:
        """The regime at every candle, classified once per view."""
        return classify(self.indicators)

    def between(self, first: int, end: int) -> MarketView:
        """The view of the candles from ``first`` on and before ``end``, with the same external data."""
        reference, sentiment = (
            None if series is None else series[first:end] for series in (self.reference_close, self.sentiment)
        )
        candles = self.candles[first:end]
        return MarketView(self.symbol, candles, Indicators(candles), reference, sentiment)

    def has_external_at(self, index: int) -> bool:
        """Whether a reference price or sentiment is known at that candle."""
        return any(
            series is not None and len(series) > 0 and bool(np.isfinite(series[index]))
            for series in (self.reference_close, self.sentiment)
        )


def market_view(
    symbol: str, candles: Candles, reference: Candles | None, sentiment: SentimentSeries | None
) -> MarketView:
    """A view with the external series aligned to ``candles``: each candle sees only values known at its close."""
    return MarketView(
        symbol=symbol,
        candles=candles,
        indicators=Indicators(candles),
        reference_close=None if reference is None else _closes_at(candles, reference),
        sentiment=None if sentiment is None else sentiment.at(candles.open_at_ms + candles.timeframe.ms),
    )


def _closes_at(candles: Candles, reference: Candles) -> FloatArray:
    """The reference's last close at each candle's close, NaN if it is missing or too old."""
    if not len(reference):
        return np.full(len(candles), np.nan)
    if reference.timeframe is candles.timeframe and np.array_equal(reference.open_at_ms, candles.open_at_ms):
        return reference.close
    closed_at = candles.open_at_ms + candles.timeframe.ms
    reference_closed_at = reference.open_at_ms + reference.timeframe.ms
    index = np.searchsorted(reference_closed_at, closed_at, side="right") - 1
    known = np.maximum(index, 0)
    fresh = (index >= 0) & (closed_at - reference_closed_at[known] <= REFERENCE_LIFE * candles.timeframe.ms)
    return np.where(fresh, reference.close[known], np.nan)
