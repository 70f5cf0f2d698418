"""The spread to a reference symbol, traded on one side only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_WINDOW,
    RANGE_CANDLES,
    assemble,
    fired,
    fresh,
    once_per_view,
    ramp,
    rolling_mean,
    window_of,
)

TINY = 1e-12
SAME = 1.0 - 1e-6
"""Correlation from which on the reference counts as this symbol itself."""


@dataclass(frozen=True)
class PairsTrading(Strategy):
    """Buys when this symbol is cheap relative to its reference, sells when it is expensive. Trades only this symbol.

    Rule: both prices are taken as log deviations from their means of ``period`` candles; over the same period this
    symbol's deviation is regressed on the reference's. The spread is the residual of the regression, its z-score the
    spread over its standard deviation. A z-score beyond ``entry`` is a signal for ``hold`` candles, if the correlation
    is at least ``min_correlation``. Without a reference, or if this is the reference itself, there is no opinion.
    Strength grows with the z-score, confidence with the z-score and the correlation.

    Parameters: period (candles), entry (standard deviations), min_correlation (0..1), hold (candles).

    Source: Gatev, Goetzmann and Rouwenhorst, "Pairs Trading: Performance of a Relative-Value Arbitrage Rule", Review
    of Financial Studies 19 (2006), with a rolling hedge ratio and, spot and long only, without its short leg.

    Typical failure: the spread widens for a reason and does not return; without the short leg a falling market
    takes both symbols down.
    """

    name = "pairs_trading"
    group = StrategyGroup.SENTIMENT_BASED
    regime_fit = suits(trending_up=0.4, trending_down=0.3, ranging=0.8, volatile=0.3, quiet=0.7)
    needs_reference = True
    constraints = (
        Below(1, "period"),
        Below("period", LONGEST_WINDOW // 2 + 1),
        Below(0, "entry"),
        Below("min_correlation", 1),
        Below(0, "hold"),
    )

    period: int = 168
    entry: float = 2.0
    min_correlation: float = 0.5
    hold: int = 2

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + 2 * self.period, RANGE_CANDLES)

    def signals(self, view: MarketView) -> SignalArrays:
        if view.reference_close is None:
            return SignalArrays.neutral(len(view.candles))
        spread, correlation, _ = self._measures(view)
        alike = (correlation > self.min_correlation) & (correlation < SAME)
        at, side = fired(
            view,
            alike & fresh(spread < -self.entry, self.hold),
            alike & fresh(spread > self.entry, self.hold),
        )
        far = abs(spread[at])
        return assemble(
            view,
            at,
            side,
            strength=0.4 + 0.6 * ramp(far, self.entry, self.entry + 1.2),
            confidence=0.5 + 0.2 * ramp(far, self.entry, self.entry + 1.0) + 0.25 * ramp(correlation[at], 0.5, 0.9),
            stop_ranges=3.0,
            target_ranges=4.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        if view.reference_close is None or np.isnan(view.reference_close[index]):
            return "no reference price: no opinion"
        spread, correlation, beta = self._measures(view)
        return (
            f"spread to the reference {spread[index]:+.2f} standard deviations (beyond ±{self.entry:g} needed), beta "
            f"{beta[index]:.2f}, correlation {correlation[index]:.2f} (above {self.min_correlation:g} needed)"
        )

    @once_per_view
    def _measures(self, view: MarketView) -> tuple[FloatArray, FloatArray, FloatArray]:
        """(z-score of the spread, correlation, beta) over the period."""
        assert view.reference_close is not None
        own = np.log(view.candles.close / view.indicators.sma(self.period))
        other = np.log(view.reference_close / rolling_mean(view.reference_close, self.period))
        own_square, other_square, covariance = rolling_mean(
            np.array((own * own, other * other, own * other)), self.period
        )
        own_variance, other_variance = own_square + TINY, other_square + TINY
        beta = covariance / other_variance
        correlation = covariance / np.sqrt(own_variance * other_variance)
        unexplained = own_variance * np.maximum(1.0 - correlation * correlation, TINY)
        return (own - beta * other) / np.sqrt(unexplained), correlation, beta
