"""Strategy signals: arrays over candles for backtest and training, one value for the live cycle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from autopilot.domain.candles import FloatArray, Int8Array


class SignalType(StrEnum):
    """Spot, long only: a SELL closes what a BUY opened."""

    BUY = "buy"
    SELL = "sell"
    NONE = "none"


class StrategyGroup(StrEnum):
    """The five groups among which the model chooses."""

    TREND_FOLLOWING = "trend_following"
    MEAN_REVERSION = "mean_reversion"
    MOMENTUM = "momentum"
    MARKET_MAKING = "market_making"
    SENTIMENT_BASED = "sentiment_based"


STRATEGY_GROUPS = tuple(StrategyGroup)
"""In the order of every array that has one entry per group."""


@dataclass(frozen=True, slots=True, eq=False)
class SignalArrays:
    """A strategy's opinion at each of ``n`` closed candles.

    ``side`` int8[n]: 1 buy, -1 sell, 0 none. ``strength`` and ``confidence`` float64[n] in [0, 1], zero where
    there is no side. ``stop_distance`` and ``target_distance`` float64[n]: fraction of the close, above 0; the
    stop lies below and the target above a buy's price.
    """

    side: Int8Array
    strength: FloatArray
    confidence: FloatArray
    stop_distance: FloatArray
    target_distance: FloatArray

    @classmethod
    def neutral(cls, length: int) -> SignalArrays:
        """No opinion anywhere."""
        zeros = np.zeros(length)
        return cls(np.zeros(length, dtype=np.int8), zeros, zeros, np.full(length, 0.02), np.full(length, 0.04))


@dataclass(frozen=True, slots=True)
class StrategySignal:
    """One strategy's opinion at the last closed candle. Prices in quote currency; ``reason`` is a text."""

    symbol: str
    signal_type: SignalType
    strength: float
    confidence: float
    price: float
    stop: float
    target: float
    strategy: str
    group: StrategyGroup
    reason: str
