"""The return of each strategy after a decision: the raw material of learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from autopilot.domain.conditions import Regime
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class PerformanceSample:
    """One matured candle, with the net return over the horizon after it of following each strategy alone.

    ``returns`` are fractions (0.01 = 1 %), net of fees and slippage, by strategy name; a strategy without
    its external data is missing. ``candle_at_ms`` is the decided candle's open time.
    """

    exchange: str
    symbol: str
    timeframe: Timeframe
    candle_at_ms: int
    matured_at_ms: int
    regime: Regime
    returns: Mapping[str, float]
