"""What each strategy would have earned after a decision: the raw material of learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class PerformanceSample:
    """One matured candle: every strategy's net return over the horizon after it, had it alone been followed.

    ``returns`` are fractions (0.01 = 1 %), net of fees and slippage, by strategy name; a strategy whose
    external data were missing at the time is absent. ``candle_at_ms`` is the decided candle's open time.
    """

    exchange: str
    symbol: str
    timeframe: Timeframe
    candle_at_ms: int
    matured_at_ms: int
    regime: Regime
    returns: Mapping[str, float]
