"""Price and momentum disagreeing about a new extreme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.analysis.entries import Numbers, Truths
from autopilot.analysis.formulas import high_of, low_of
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, FloatArray, IntArray, MarketView, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WILDER,
    LONGEST_WINDOW,
    RANGE_CANDLES,
    Rule,
    Take,
    lagged,
    once,
    ramp,
    rolling_max,
    rolling_min,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Divergence(Rule):
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
    stop_ranges = 2.5
    target_ranges = 4.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        gap, _ = _found(of, self)
        return gap > 0, gap < 0

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        size = ramp(abs(take(_gap, self)), self.min_gap, 12.0)
        return 0.3 + 0.7 * size, take(_quality, self) + 0.15 * size

    def words(self, at: MarketMoment) -> str:
        found = []
        index = at.place + len(at.past.view.candles)
        for direction, prices, (first, second) in _pivots(at.past.view, self.wing, self.span):
            known = np.flatnonzero(second + self.wing <= index)
            if len(known):
                a, b = int(first[known[-1]]), int(second[known[-1]])
                rsi = [at.back(index - pivot).indicators.rsi(self.period) for pivot in (a, b)]
                found.append(
                    f"last pivot {'lows' if direction > 0 else 'highs'} {prices[a]:.6g} (RSI {rsi[0]:.0f}) and "
                    f"{prices[b]:.6g} (RSI {rsi[1]:.0f}), {index - b} candles ago"
                )
        return "; ".join(found) or "no two pivots close together"

    def compared(
        self,
        direction: float,
        prices: tuple[Numbers, Numbers],
        rsi: tuple[Numbers, Numbers],
        flow: tuple[Numbers, Numbers],
    ) -> tuple[Numbers, Numbers]:
        """(gap in RSI, 0 without a divergence; quality), from the values at the first and at the second pivot."""
        gap = direction * (rsi[1] - rsi[0])
        farther = direction * (prices[1] - prices[0]) < 0
        flow_agrees = direction * (flow[1] - flow[0]) > 0
        extremity = ramp(direction * (50.0 - rsi[0]), 8.0, 22.0)
        return direction * gap * (farther & (gap >= self.min_gap)), 0.5 + 0.15 * flow_agrees + 0.15 * extremity


@once
def _found(of: Market, rule: Divergence) -> tuple[Numbers, Numbers]:
    """(gap in RSI between the two pivots, 0 without a divergence; quality)."""
    return _found_at(of, rule) if isinstance(of, MarketMoment) else _found_over(of, rule)


def _found_over(view: MarketView, rule: Divergence) -> tuple[FloatArray, FloatArray]:
    rsi, flow = view.indicators.rsi(rule.period), view.indicators.obv_slope(24)
    gaps, quality = np.zeros(len(rsi)), np.zeros(len(rsi))
    for direction, prices, (first, second) in _pivots(view, rule.wing, rule.span):
        pairs = [(series[first], series[second]) for series in (prices, rsi, flow)]
        gap, good = rule.compared(direction, *pairs)
        gaps[second + rule.wing] += gap
        quality[second + rule.wing] = good
    return gaps, quality


def _found_at(at: MarketMoment, rule: Divergence) -> tuple[float, float]:
    gap = quality = 0.0
    for direction, column in ((1.0, low_of), (-1.0, high_of)):
        prices = at.past.columns[column][max(at.index - rule.span - 2 * rule.wing - 1, 0) : at.index + 1]
        around = prices[-2 * rule.wing - 1 :]
        second = len(prices) - 1 - rule.wing
        if prices[second] != (min(around) if direction > 0 else max(around)):
            continue
        first, last = _pairs(np.array(prices), direction, rule.wing, rule.span)
        if not len(last) or int(last[-1]) != second:
            continue
        pivots = (at.back(len(prices) - 1 - int(first[-1])).indicators, at.back(rule.wing).indicators)
        before, now = ((at.past.columns[column][of.index], of.rsi(rule.period), of.obv_slope(24)) for of in pivots)
        found, quality = rule.compared(direction, *zip(before, now, strict=True))
        gap += found
    return gap, quality


def _gap(of: Market, rule: Divergence) -> Numbers:
    return _found(of, rule)[0]


def _quality(of: Market, rule: Divergence) -> Numbers:
    return _found(of, rule)[1]


@once
def _pivots(view: MarketView, wing: int, span: int) -> tuple[tuple[float, FloatArray, tuple[IntArray, IntArray]], ...]:
    """(direction, prices, pairs of pivots), for lows and for highs."""
    low, high = view.candles.low, view.candles.high
    return (1.0, low, _pairs(low, 1.0, wing, span)), (-1.0, high, _pairs(high, -1.0, wing, span))


def _pairs(prices: FloatArray, direction: float, wing: int, span: int) -> tuple[IntArray, IntArray]:
    """Indices of successive pivots at most ``span`` apart: lows for direction 1, highs for -1. Of equal neighbors
    the first is the pivot."""
    extreme = rolling_min if direction > 0 else rolling_max
    middle = lagged(prices, wing)
    pivot = (extreme(prices, 2 * wing + 1) == middle) & (middle != lagged(prices, wing + 1))
    at = pivot.nonzero()[0] - wing
    first, second = at[:-1], at[1:]
    near = second - first <= span
    return first[near], second[near]
