"""The price leaving its channel on volume."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    RANGE_CANDLES,
    WEEK_CANDLES,
    assemble,
    atr,
    fired,
    fresh,
    lagged,
    once_per_view,
    ramp,
    window_of,
)


@dataclass(frozen=True)
class VolatilityBreakout(Strategy):
    """Buys a close above the channel of the candles before it on high volume, sells a close below it.

    Rule: the close exceeds the highest high of the ``channel`` candles before by ``margin`` average true ranges, with
    ``volume`` times the usual volume, and did not do so on the candle before. Strength grows with the distance of
    the breakout, confidence with the volume and after a quiet market (volatility of a day over that of a week).

    Parameters: channel (candles), margin (average true ranges), volume (ratio to the median of 48 candles).

    Source: Richard Donchian's four-week rule, as the Turtles traded it (Faith, "Way of the Turtle", 2007); the margin
    in ATR follows Keltner's bands (1960).

    Typical failure: the false breakout: stops are swept above the channel and the price falls back inside.
    """

    name = "volatility_breakout"
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=0.5, trending_down=0.5, ranging=0.2, volatile=1.0, quiet=0.3)
    constraints = (
        Below(1, "channel"),
        Below("channel", LONGEST_WINDOW + 1),
    )

    channel: int = 55
    margin: float = 0.1
    volume: float = 1.5

    @property
    def candles_needed(self) -> int:
        return window_of(self.channel + 2, WEEK_CANDLES + 1, RANGE_CANDLES + 2)

    def signals(self, view: MarketView) -> SignalArrays:
        of = view.indicators
        above, below = self._excess(view)
        volume = of.volume_ratio()
        loud = volume > self.volume
        at, side = fired(view, loud & fresh(above > self.margin, 1), loud & fresh(below > self.margin, 1))
        excess = np.where(side > 0, above[at], below[at])
        quiet_before = ramp(lagged(of.volatility_ratio(), 1)[at], 1.3, 0.7)
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * ramp(excess, self.margin, 1.5),
            confidence=0.5 + 0.25 * ramp(volume[at], self.volume, 4.0) + 0.2 * quiet_before,
            stop_ranges=2.0,
            target_ranges=6.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        above, below = self._excess(view)
        return (
            f"close {above[index]:+.2f} ATR from the high and {-below[index]:+.2f} from the low of the "
            f"{self.channel} candles before (breakout: {self.margin:g} beyond), volume "
            f"{view.indicators.volume_ratio()[index]:.2f} times the usual (above {self.volume:g} needed)"
        )

    @once_per_view
    def _excess(self, view: MarketView) -> tuple[FloatArray, FloatArray]:
        """Distance of the close above the channel's high and below its low, in the ATR of the candle before."""
        upper, lower = view.indicators.donchian(self.channel)
        span, close = lagged(atr(view), 1), view.candles.close
        return (close - upper) / span, (lower - close) / span
