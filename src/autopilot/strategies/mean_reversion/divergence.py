"""Price and momentum disagreeing about a new extreme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import (
    Below,
    FloatArray,
    IntArray,
    MarketView,
    SignalArrays,
    Strategy,
    StrategyGroup,
    suits,
)
from autopilot.strategies.rules import (
    LONGEST_WILDER,
    LONGEST_WINDOW,
    RANGE_CANDLES,
    assemble,
    fired,
    lagged,
    once_per_view,
    ramp,
    rolling_max,
    rolling_min,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Divergence(Strategy):
    """Buys on a lower low of the price that RSI does not confirm, sells on a higher high that RSI does not confirm.

    Rule: a low is a pivot if no low within ``wing`` candles on either side is lower; it is known, and the signal fires,
    ``wing`` candles later. Of two successive pivot lows at most ``span`` candles apart, the later must be lower in
    price and at least ``min_gap`` points higher in RSI (mirrored for highs). Strength grows with the gap in RSI;
    confidence grows with that gap, and is higher if the volume flow (OBV) diverges too or the first pivot was at an
    extreme.

    Parameters: period (candles of RSI), wing, span (candles), min_gap (RSI points).

    Source: Wilder (1978) names the divergence RSI's most telling message; the volume flow is Joseph Granville's
    (1963).

    Typical failure: a strong trend diverges several times before it turns; the signal misses the first ``wing``
    candles of the turn.
    """

    name = "divergence"
    group = StrategyGroup.MEAN_REVERSION
    regime_fit = suits(trending_up=0.4, trending_down=0.5, ranging=0.7, volatile=0.3, quiet=0.4)
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WILDER + 1),
        Below(0, "wing"),
        Below("wing", "span"),
        Below("span", LONGEST_WINDOW + 1),
    )

    period: int = 14
    wing: int = 4
    span: int = 60
    min_gap: float = 2.0

    @property
    def candles_needed(self) -> int:
        return window_of(self.span + 2 * self.wing + 1 + settled(2 * self.period - 1) + 1, RANGE_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        rsi, flow = view.indicators.rsi(self.period), view.indicators.obv_slope(24)
        gaps, quality = np.zeros(len(rsi)), np.zeros(len(rsi))
        for direction, prices, (first, second) in self._pivots(view):
            gap = direction * (rsi[second] - rsi[first])
            farther = direction * (prices[second] - prices[first]) < 0
            flow_agrees = direction * (flow[second] - flow[first]) > 0
            extremity = ramp(direction * (50.0 - rsi[first]), 8.0, 22.0)
            gaps[second + self.wing] += direction * gap * (farther & (gap >= self.min_gap))
            quality[second + self.wing] = 0.5 + 0.15 * flow_agrees + 0.15 * extremity
        at, side = fired(view, gaps > 0, gaps < 0)
        size = ramp(abs(gaps[at]), self.min_gap, 12.0)
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * size,
            confidence=quality[at] + 0.15 * size,
            stop_ranges=2.5,
            target_ranges=4.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        rsi = view.indicators.rsi(self.period)
        found = []
        for direction, prices, (first, second) in self._pivots(view):
            known = np.flatnonzero(second + self.wing <= index)
            if len(known):
                a, b = first[known[-1]], second[known[-1]]
                found.append(
                    f"last pivot {'lows' if direction > 0 else 'highs'} {prices[a]:.6g} (RSI {rsi[a]:.0f}) and "
                    f"{prices[b]:.6g} (RSI {rsi[b]:.0f}), {index - b} candles ago"
                )
        return "; ".join(found) or "no two pivots close together"

    @once_per_view
    def _pivots(self, view: MarketView) -> tuple[tuple[float, FloatArray, tuple[IntArray, IntArray]], ...]:
        """(direction, prices, pairs of pivots), for lows and for highs."""
        low, high = view.candles.low, view.candles.high
        return (1.0, low, self._pairs(low, 1.0)), (-1.0, high, self._pairs(high, -1.0))

    def _pairs(self, prices: FloatArray, direction: float) -> tuple[IntArray, IntArray]:
        """Indices of successive pivots at most ``span`` apart: lows for direction 1, highs for -1. Of equal neighbors
        the first is the pivot."""
        extreme = rolling_min if direction > 0 else rolling_max
        middle = lagged(prices, self.wing)
        pivot = (extreme(prices, 2 * self.wing + 1) == middle) & (middle != lagged(prices, self.wing + 1))
        at = pivot.nonzero()[0] - self.wing
        first, second = at[:-1], at[1:]
        near = second - first <= self.span
        return first[near], second[near]
