"""Time-series momentum: a price that rose over several horizons tends to rise further."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    MIN_MOVE,
    RANGE_CANDLES,
    WEEK_CANDLES,
    assemble,
    fired,
    fresh,
    once_per_view,
    ramp,
    window_of,
)


@dataclass(frozen=True)
class Momentum(Strategy):
    """Buys when the returns over two horizons, in units of their volatility, become large on high volume; sells when
    they become large and negative.

    Rule: the returns of ``short`` and ``long`` candles, each divided by the volatility expected over as many candles,
    have the same sign and a mean beyond ``entry``; the volume of the last 12 candles exceeds ``volume`` times that of
    the last ``long`` ones. The signal lasts for ``hold`` candles. Strength grows with the short horizon's return,
    confidence with the volume and with the long horizon's return.

    Parameters: short, long (candles), entry (standard deviations), volume (ratio), hold (candles).

    Source: Moskowitz, Ooi and Pedersen, "Time series momentum", Journal of Financial Economics 104 (2012); they scale
    by volatility too.

    Typical failure: momentum crashes: a sharp reversal after a long run comes before the short horizon notices.
    """

    name = "momentum"
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=0.8, trending_down=0.7, ranging=0.1, volatile=0.8, quiet=0.1)
    constraints = (
        Below(0, "short"),
        Below("short", "long"),
        Below("long", LONGEST_WINDOW + 1),
        Below(0, "hold"),
    )

    short: int = 24
    long: int = 168
    entry: float = 1.0
    volume: float = 1.0
    hold: int = 3

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + max(self.long + 1, WEEK_CANDLES), RANGE_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        short, long, volume = self._measures(view)
        score, backed = 0.5 * (short + long), (short * long > 0) & (volume > self.volume)
        at, side = fired(
            view,
            fresh(backed & (score > self.entry), self.hold),
            fresh(backed & (score < -self.entry), self.hold),
        )
        return assemble(
            view,
            at,
            side,
            strength=0.2 + 0.8 * ramp(abs(short[at]), 0.75, 2.5),
            confidence=0.5 + 0.25 * ramp(volume[at], 1.0, 1.8) + 0.2 * ramp(abs(long[at]), 0.5, 1.75),
            stop_ranges=2.5,
            target_ranges=6.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        short, long, volume = self._measures(view)
        return (
            f"return of {self.short} candles {short[index]:+.2f} and of {self.long} candles {long[index]:+.2f} "
            f"standard deviations (mean beyond ±{self.entry:g} needed), volume {volume[index]:.2f} times the usual "
            f"(above {self.volume:g} needed)"
        )

    @once_per_view
    def _measures(self, view: MarketView) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Returns of both horizons in standard deviations, and the volume ratio."""
        of = view.indicators
        volatility = of.volatility(168) + MIN_MOVE
        short = of.roc(self.short) / (volatility * self.short**0.5)
        long = of.roc(self.long) / (volatility * self.long**0.5)
        usual = of.volume_sum(self.long) * (12 / self.long)
        return short, long, of.volume_sum(12) / np.where(usual > 0, usual, np.inf)
