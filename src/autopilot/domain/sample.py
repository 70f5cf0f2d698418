"""Samples: the outcome of each strategy after a decision, which models learn from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class PerformanceSample:
    """One matured candle: the net return over the horizon after it, for each strategy followed alone.

    ``returns`` are fractions (0.01 = 1 %), net of fees and slippage, by strategy name; a strategy whose
    external data were missing at the time has no entry. ``candle_at_ms`` is the decided candle's open time.
    """

    exchange: str
    symbol: str
    timeframe: Timeframe
    candle_at_ms: int
    matured_at_ms: int
    regime: Regime
    returns: Mapping[str, float]
