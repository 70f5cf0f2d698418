"""The MACD line crossing its signal line, read against the zero line."""

from __future__ import annotations

from dataclasses import dataclass

from autopilot.analysis.entries import Numbers, Truths
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
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
class Macd(Rule):
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
    stop_ranges = 2.0
    target_ranges = 4.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        return of.fresh(self.hold, self._is_above), of.fresh(self.hold, self._is_below)

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        speed = abs(take(_histogram, self.fast, self.slow, self.signal) - take(self._earlier_histogram))
        with_trend = ramp(take.side * take(_line, self.fast, self.slow, self.signal), -1.0, 1.0)
        return 0.2 + 0.8 * ramp(speed, 0.1, 0.45), 0.5 + 0.25 * with_trend + 0.2 * ramp(take(adx), 15, 30)

    def words(self, at: MarketMoment) -> str:
        spans = self.fast, self.slow, self.signal
        return (
            f"MACD histogram {_histogram(at, *spans):+.2f} ATR after {_histogram(at.back(self.hold), *spans):+.2f} "
            f"(band ±{self.band:g}), MACD line {_line(at, *spans):+.2f}; ADX {at.indicators.adx():.0f}"
        )

    def _is_above(self, of: Market) -> Truths:
        return _histogram(of, self.fast, self.slow, self.signal) > self.band

    def _is_below(self, of: Market) -> Truths:
        return _histogram(of, self.fast, self.slow, self.signal) < -self.band

    def _earlier_histogram(self, of: Market) -> Numbers:
        return of.earlier(3, _histogram, self.fast, self.slow, self.signal)


def _line(of: Market, fast: int, slow: int, signal: int) -> Numbers:
    """The MACD line in average true ranges."""
    return of.indicators.macd(fast, slow, signal)[0] / atr(of)


@once
def _histogram(of: Market, fast: int, slow: int, signal: int) -> Numbers:
    """The histogram in average true ranges."""
    return of.indicators.macd(fast, slow, signal)[2] / atr(of)
