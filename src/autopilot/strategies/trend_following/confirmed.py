"""A trend that several indicators agree on at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import (
    Below,
    FloatArray,
    Int8Array,
    MarketView,
    SignalArrays,
    Strategy,
    StrategyGroup,
    suits,
)
from autopilot.strategies.rules import (
    TREND_CANDLES,
    assemble,
    atr,
    fired,
    fresh,
    once_per_view,
    ramp,
    settled,
    window_of,
)

CHECKS = ("EMA order", "directional movement", "MACD above zero", "RSI beyond 50", "price beyond its mean", "channel")
MARGINS = np.array([[1e-6], [1e-6], [1e-6], [1e-6], [1e-6], [0.25]])
"""The value that each measure must exceed: above rounding errors; the channel's outer quarter begins at 0.25."""


FAR_BELOW_MARGINS = 1e-11
"""An EMA with such an error casts the same vote."""


@dataclass(frozen=True)
class Confirmed(Strategy):
    """Buys when at least ``needed`` of six indicators come to agree on a rise and ADX shows a trend; sells when they
    agree on a fall.

    Rule: one vote each for EMA(20) over EMA(50), +DI over −DI, MACD over zero, RSI over 50, the close over its
    SMA(100), and the close in the outer quarter of the channel of the last 20 candles; ADX must exceed ``adx_limit``.
    The signal lasts for the first ``hold`` candles of the agreement. Strength grows with ADX, confidence with ADX too,
    and is higher if all six agree.

    Parameters: needed (votes of six), adx_limit, hold (candles).

    Source: the directional movement system of J. Welles Wilder, "New Concepts in Technical Trading Systems" (1978),
    confirmed by the others in the sense of John J. Murphy's checklist, "Technical Analysis of the Financial Markets"
    (1999).

    Typical failure: all six are made of the same prices, so that their agreement comes late and says less than it
    seems; buys the end of long trends.
    """

    name = "confirmed"
    group = StrategyGroup.TREND_FOLLOWING
    regime_fit = suits(trending_up=1.0, trending_down=0.9, ranging=0.0, volatile=0.4, quiet=0.2)
    constraints = (
        Below(0, "needed"),
        Below("needed", len(CHECKS) + 1),
        Below("adx_limit", 100),
        Below(0, "hold"),
    )

    needed: int = 5
    adx_limit: float = 25.0
    hold: int = 3

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + max(settled(50, weight=FAR_BELOW_MARGINS), TREND_CANDLES))

    def signals(self, view: MarketView) -> SignalArrays:
        ups, downs = self._counts(view)
        adx = view.indicators.adx()
        trend = adx > self.adx_limit
        at, side = fired(
            view,
            fresh(trend & (ups >= self.needed), self.hold),
            fresh(trend & (downs >= self.needed), self.hold),
        )
        trendiness = ramp(adx[at], self.adx_limit, self.adx_limit + 15.0)
        unanimous = np.maximum(ups[at], downs[at]) == len(CHECKS)
        return assemble(
            view,
            at,
            side,
            strength=0.3 + 0.7 * trendiness,
            confidence=0.6 + 0.15 * unanimous + 0.2 * trendiness,
            stop_ranges=2.5,
            target_ranges=6.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        measures, margins = self._measures(view)[:, index], MARGINS[:, 0]
        rising, falling = measures > margins, measures < -margins
        up = rising.sum() >= falling.sum()
        agreeing = rising if up else falling
        named = ", ".join(name for name, vote in zip(CHECKS, agreeing, strict=True) if vote) or "none"
        return (
            f"{agreeing.sum()} of {len(CHECKS)} agree on a {'rise' if up else 'fall'} ({self.needed} needed): {named}; "
            f"ADX {view.indicators.adx()[index]:.0f} (above {self.adx_limit:g} needed)"
        )

    def _counts(self, view: MarketView) -> tuple[Int8Array, Int8Array]:
        """The number of indicators for a rise, and for a fall."""
        measures = self._measures(view)
        rising, falling = (measures > MARGINS).view(np.int8), (measures < -MARGINS).view(np.int8)
        return rising.sum(axis=0, dtype=np.int8), falling.sum(axis=0, dtype=np.int8)

    @once_per_view
    def _measures(self, view: MarketView) -> FloatArray:
        """float64[6, n]: each indicator's measure, above its margin for a rise and below minus its margin for a
        fall."""
        of, close = view.indicators, view.candles.close
        upper, lower = of.donchian(20)
        span = atr(view)
        return np.array(
            (
                (of.ema(20) - of.ema(50)) / span,
                of.plus_di() - of.minus_di(),
                of.macd()[0] / span,
                of.rsi() - 50.0,
                (close - of.sma(100)) / span,
                (close - 0.5 * (upper + lower)) / np.maximum(upper - lower, span),
            )
        )
