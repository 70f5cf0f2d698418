"""The MACD line crossing its signal line, read against the zero line."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
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
class Macd(Strategy):
    """Buys when the MACD histogram turns positive, sells when it turns negative.

    Rule: the histogram (MACD line less its signal line), in average true ranges, leaves a band around zero; the signal
    lasts for ``hold`` candles. A cross on the trend's side of the zero line (the MACD line above it for a buy, below
    it for a sell) gets more confidence than a cross against the trend. Strength grows with the histogram's speed.

    Parameters: fast, slow, signal (candles of the three EMAs); band (average true ranges); hold (candles).

    Source: Gerald Appel, "Technical Analysis: Power Tools for Active Investors" (2005); the MACD itself dates from
    1979.

    Typical failure: a sideways market crosses the signal line every few candles; a steady trend keeps the histogram at
    zero and gives no signal.
    """

    name = "macd"
    group = StrategyGroup.TREND_FOLLOWING
    regime_fit = suits(trending_up=0.8, trending_down=0.7, ranging=0.2, volatile=0.6, quiet=0.2)
    constraints = (
        Below(1, "fast"),
        Below("fast", "slow"),
        Below("slow", LONGEST_EMA + 1),
        Below(1, "signal"),
        Below("signal", LONGEST_EMA + 1),
        Below(0, "hold"),
    )

    fast: int = 12
    slow: int = 26
    signal: int = 9
    band: float = 0.03
    hold: int = 2

    @property
    def candles_needed(self) -> int:
        return window_of(max(self.hold, 3) + max(settled(max(self.slow, self.signal), 2), RANGE_CANDLES), TREND_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        line, histogram = self._measures(view)
        at, side = fired(view, fresh(histogram > self.band, self.hold), fresh(histogram < -self.band, self.hold))
        speed = abs(histogram - lagged(histogram, 3))[at]
        with_trend = ramp(side * line[at], -1.0, 1.0)
        return assemble(
            view,
            at,
            side,
            strength=0.2 + 0.8 * ramp(speed, 0.1, 0.45),
            confidence=0.5 + 0.25 * with_trend + 0.2 * ramp(view.indicators.adx()[at], 15, 30),
            stop_ranges=2.0,
            target_ranges=4.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        line, histogram = self._measures(view)
        return (
            f"MACD histogram {histogram[index]:+.2f} ATR after {histogram[max(index - self.hold, 0)]:+.2f} "
            f"(band ±{self.band:g}), MACD line {line[index]:+.2f}; ADX {view.indicators.adx()[index]:.0f}"
        )

    @once_per_view
    def _measures(self, view: MarketView) -> tuple[FloatArray, FloatArray]:
        """MACD line and histogram in average true ranges."""
        line, _, histogram = view.indicators.macd(self.fast, self.slow, self.signal)
        span = atr(view)
        return line / span, histogram / span
