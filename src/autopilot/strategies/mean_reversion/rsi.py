"""The relative strength index returning from an extreme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WILDER,
    RANGE_CANDLES,
    TREND_CANDLES,
    assemble,
    fired,
    fresh,
    ramp,
    rolling_max,
    rolling_min,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Rsi(Strategy):
    """Buys when RSI rises back through the oversold level, sells when it falls back through the overbought one.

    Rule: RSI is above ``oversold`` now and was below it at some time in the last ``memory`` candles (mirrored for a
    sell); the signal stands for ``hold`` candles after the re-entry. Strength grows with the depth that RSI
    reached; confidence grows with that depth and shrinks with ADX, since a trend keeps RSI at its extreme.

    Parameters: period (candles), oversold, overbought (0..100), memory, hold (candles).

    Source: J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978).

    Typical failure: buys every pause of a crash; in a strong trend the extreme is the normal state.
    """

    name = "rsi"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.3, trending_down=0.1, ranging=0.9, volatile=0.3, quiet=0.6)
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WILDER + 1),
        Below(0, "oversold"),
        Below("oversold", "overbought"),
        Below("overbought", 100),
        Below(0, "memory"),
        Below(0, "hold"),
    )

    period: int = 14
    oversold: float = 30.0
    overbought: float = 70.0
    memory: int = 8
    hold: int = 2

    @property
    def candles_needed(self) -> int:
        return window_of(max(self.hold, self.memory) + settled(2 * self.period - 1) + 1, RANGE_CANDLES, TREND_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        rsi = view.indicators.rsi(self.period)
        below = self.oversold - rolling_min(rsi, self.memory)
        above = rolling_max(rsi, self.memory) - self.overbought
        at, side = fired(
            view,
            fresh(rsi > self.oversold, self.hold) & (below > 0),
            fresh(rsi < self.overbought, self.hold) & (above > 0),
        )
        depth = np.where(side > 0, below[at], above[at])
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * ramp(depth, 0.0, 12.0),
            confidence=0.5 + 0.25 * ramp(depth, 0.0, 10.0) + 0.2 * ramp(view.indicators.adx()[at], 40, 18),
            stop_ranges=2.0,
            target_ranges=3.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        rsi = view.indicators.rsi(self.period)
        recent = rsi[max(index - self.memory + 1, 0) : index + 1]
        return (
            f"RSI {rsi[index]:.0f}, between {recent.min():.0f} and {recent.max():.0f} over {self.memory} candles "
            f"(oversold {self.oversold:g}, overbought {self.overbought:g}); ADX {view.indicators.adx()[index]:.0f}"
        )
