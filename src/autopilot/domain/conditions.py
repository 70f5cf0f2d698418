"""The result of the market analysis at one closed candle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.candles import FloatArray
from autopilot.domain.timeframe import Timeframe


class Regime(StrEnum):
    """The state a market is in."""

    TRENDING_UP = "trending_up"
    """Prices rise persistently (ADX above 25, +DI leading)."""
    TRENDING_DOWN = "trending_down"
    """Prices fall persistently (ADX above 25, −DI leading)."""
    RANGING = "ranging"
    """Prices swing around a level without direction."""
    VOLATILE = "volatile"
    """A burst of movement and volume: a breakout, up or down."""
    QUIET = "quiet"
    """Little movement compared with the market's own past."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRow:
    """The model's input for one candle: names and values in the same order, all free of scale."""

    names: tuple[str, ...]
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class MarketConditions:
    """The MarketAnalyzer's result for the last closed candle of a window.

    ``regime_strength`` in [0, 1]; ``candles_in_regime`` counts this candle, capped by the analysis' memory;
    ``volatility`` is the standard deviation of one candle's log return; ``volume_ratio`` is volume over its median;
    ``volatility_ratio`` is volatility over its own longer past; ``candle_at_ms`` is the candle's open time.
    """

    symbol: str
    timeframe: Timeframe
    candle_at_ms: int
    price: float
    regime: Regime
    regime_strength: float
    candles_in_regime: int
    adx: float
    rsi: float
    atr: float
    volatility: float
    volatility_ratio: float
    volume_ratio: float
    external_signals: bool
    features: FeatureRow
