"""Moving averages crossing, with a filter on the slope of the slow one."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
    LONGEST_WINDOW,
    RANGE_CANDLES,
    TREND_CANDLES,
    assemble,
    atr,
    fired,
    fresh,
    lagged,
    once_per_view,
    ramp,
    settled,
    window_of,
)


@dataclass(frozen=True)
class MovingAverage(Strategy):
    """Buys when the fast average rises through the slow average, sells when it falls through it.

    Rule: the gap between EMA(fast) and SMA(slow), in average true ranges, leaves a band around zero and stays outside;
    the signal lasts for the first ``hold`` candles. The slow average must not run against the signal by more than
    ``slope_limit`` average true ranges over ``fast`` candles. Strength grows with the speed of the crossing, confidence
    grows with the slow average's slope and with ADX.

    Parameters: fast, slow (candles); band (average true ranges), hold (candles), slope_limit (average true ranges).

    Source: the variable-length moving average rule with a band of Brock, Lakonishok and LeBaron, "Simple Technical
    Trading Rules and the Stochastic Properties of Stock Returns", Journal of Finance 47 (1992).

    Typical failure: in a range the averages cross again and again, each time late; it gives back the last part of every
    trend.
    """

    name = "moving_average"
    group = StrategyGroup.TREND_FOLLOWING
    regime_fit = suits(trending_up=0.9, trending_down=0.8, ranging=0.1, volatile=0.5, quiet=0.3)
    constraints = (
        Below(1, "fast"),
        Below("fast", "slow"),
        Below("fast", LONGEST_EMA + 1),
        Below("slow", LONGEST_WINDOW + 1),
        Below(0, "hold"),
    )

    fast: int = 20
    slow: int = 100
    band: float = 0.25
    hold: int = 3
    slope_limit: float = 0.5

    @property
    def candles_needed(self) -> int:
        return window_of(
            max(self.hold, 5) + max(settled(self.fast), self.slow, RANGE_CANDLES), self.slow + self.fast, TREND_CANDLES
        )

    def signals(self, view: MarketView) -> SignalArrays:
        gap, slope = self._measures(view)
        at, side = fired(
            view,
            fresh(gap > self.band, self.hold) & (slope > -self.slope_limit),
            fresh(gap < -self.band, self.hold) & (slope < self.slope_limit),
        )
        speed = abs(gap - lagged(gap, 5))[at]
        steepness = ramp(side * slope[at], -self.slope_limit, 1.5)
        return assemble(
            view,
            at,
            side,
            strength=0.2 + 0.8 * ramp(speed, 0.25, 2.0),
            confidence=0.5 + 0.25 * ramp(view.indicators.adx()[at], 18, 35) + 0.2 * steepness,
            stop_ranges=2.5,
            target_ranges=6.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        gap, slope = self._measures(view)
        return (
            f"EMA {self.fast} stands {gap[index]:+.2f} ATR from SMA {self.slow} (band ±{self.band:g}), "
            f"whose slope is {slope[index]:+.2f}; ADX {view.indicators.adx()[index]:.0f}"
        )

    @once_per_view
    def _measures(self, view: MarketView) -> tuple[FloatArray, FloatArray]:
        """Gap between the averages and slope of the slow one, in average true ranges."""
        slow, span = view.indicators.sma(self.slow), atr(view)
        return (view.indicators.ema(self.fast) - slow) / span, (slow - lagged(slow, self.fast)) / span
