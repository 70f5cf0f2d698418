"""The price coming back inside its Bollinger bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    TREND_CANDLES,
    WEEK_CANDLES,
    assemble,
    fired,
    fresh,
    ramp,
    rolling_max,
    rolling_min,
    window_of,
)


@dataclass(frozen=True)
class BollingerMeanReversion(Strategy):
    """Buys when the close returns from below the lower band, sells when it returns from above the upper band.

    Rule: %b (0 at the lower band, 1 at the upper) is inside now and was outside within the last ``memory`` candles,
    and the volatility of a day is below ``burst`` times that of a week. Strength grows with the distance that the close
    was outside; confidence is higher with stable bands and a low ADX.

    Parameters: period (candles), width (standard deviations), memory (candles), burst (ratio).

    Source: John Bollinger, "Bollinger on Bollinger Bands" (2001), method III (reversals).

    Typical failure: "walking the band": in a breakout the price leaves the bands, returns barely, and continues.
    """

    name = "bollinger_mean_reversion"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.2, trending_down=0.1, ranging=1.0, volatile=0.2, quiet=0.6)
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WINDOW + 1),
        Below(0, "width"),
        Below(0, "memory"),
        Below(0, "burst"),
    )

    period: int = 20
    width: float = 2.0
    memory: int = 3
    burst: float = 1.5

    @property
    def candles_needed(self) -> int:
        return window_of(self.period + self.memory, WEEK_CANDLES, TREND_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        of = view.indicators
        position, calm = of.bollinger_position(self.period, self.width), of.volatility_ratio()
        below = -rolling_min(position, self.memory)
        above = rolling_max(position, self.memory) - 1.0
        back = fresh(abs(position - 0.5) < 0.5, 1) & (calm < self.burst)
        at, side = fired(view, back & (below > 0), back & (above > 0))
        outside = np.where(side > 0, below[at], above[at])
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * ramp(outside, 0.0, 0.2),
            confidence=0.5 + 0.25 * ramp(calm[at], self.burst, 0.9) + 0.2 * ramp(of.adx()[at], 35, 18),
            stop_ranges=2.0,
            target_ranges=2.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        of = view.indicators
        position = of.bollinger_position(self.period, self.width)
        recent = position[max(index - self.memory + 1, 0) : index + 1]
        return (
            f"%b {position[index]:.2f}, between {recent.min():.2f} and {recent.max():.2f} over {self.memory} candles "
            f"(0 lower band, 1 upper band); volatility {of.volatility_ratio()[index]:.2f} times the week's "
            f"(below {self.burst:g} needed), ADX {of.adx()[index]:.0f}"
        )
