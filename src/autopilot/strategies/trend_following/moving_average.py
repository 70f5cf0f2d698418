"""Moving averages crossing, with a filter on the slope of the slow one."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
    LONGEST_WINDOW,
    RANGE_CANDLES,
    TREND_CANDLES,
    Rule,
    Take,
    adx,
    atr,
    once,
    ramp,
    settled,
    window_of,
)


@dataclass(frozen=True)
class MovingAverage(Rule):
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
    stop_ranges = 2.5
    target_ranges = 6.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        slope = _slope(of, self.slow, self.fast)
        return (
            of.fresh(self.hold, self._is_above) & (slope > -self.slope_limit),
            of.fresh(self.hold, self._is_below) & (slope < self.slope_limit),
        )

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        speed = abs(take(_gap, self.fast, self.slow) - take(_earlier_gap, self.fast, self.slow))
        steepness = ramp(take.side * take(_slope, self.slow, self.fast), -self.slope_limit, 1.5)
        return 0.2 + 0.8 * ramp(speed, 0.25, 2.0), 0.5 + 0.25 * ramp(take(adx), 18, 35) + 0.2 * steepness

    def words(self, at: MarketMoment) -> str:
        gap, slope = _gap(at, self.fast, self.slow), _slope(at, self.slow, self.fast)
        return (
            f"EMA {self.fast} stands {gap:+.2f} ATR from SMA {self.slow} (band ±{self.band:g}), "
            f"whose slope is {slope:+.2f}; ADX {at.indicators.adx():.0f}"
        )

    def _is_above(self, of: Market) -> Truths:
        return _gap(of, self.fast, self.slow) > self.band

    def _is_below(self, of: Market) -> Truths:
        return _gap(of, self.fast, self.slow) < -self.band


@once
def _gap(of: Market, fast: int, slow: int) -> Numbers:
    """Distance of EMA(fast) from SMA(slow), in average true ranges."""
    return (of.indicators.ema(fast) - of.indicators.sma(slow)) / atr(of)


def _earlier_gap(of: Market, fast: int, slow: int) -> Numbers:
    return of.earlier(5, _gap, fast, slow)


@once
def _slope(of: Market, slow: int, candles: int) -> Numbers:
    """Movement of SMA(slow) over so many candles, in average true ranges."""
    return (of.indicators.sma(slow) - of.earlier(candles, _average, slow)) / atr(of)


def _average(of: Market, n: int) -> Numbers:
    return of.indicators.sma(n)
