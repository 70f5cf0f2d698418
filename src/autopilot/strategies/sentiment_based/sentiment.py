"""Against extreme sentiment, once the price turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.strategies.base import Below, FloatArray, MarketView, SignalArrays, Strategy, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
    RANGE_CANDLES,
    assemble,
    atr,
    fired,
    fresh,
    once_per_view,
    ramp,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Sentiment(Strategy):
    """Buys extreme fear once the price turns up, sells extreme greed once it turns down.

    Rule: the Fear & Greed index is at most ``fear`` and the close has risen above EMA(turn) by ``margin`` average true
    ranges within the last ``hold`` candles; mirrored at ``greed`` for a sell. Without an index there is no opinion.
    Strength grows with the extreme of the index, confidence also with RSI on the side of the turn.

    Parameters: fear, greed (0..100), turn (candles), margin (average true ranges), hold (candles).

    Source: Baker and Wurgler, "Investor Sentiment in the Stock Market", Journal of Economic Perspectives 21 (2007);
    the index is alternative.me's Crypto Fear & Greed.

    Typical failure: the index is made of past prices and can stay extreme for months; each bounce in a bear market
    looks like the turn.
    """

    name = "sentiment"
    group = StrategyGroup.SENTIMENT_BASED
    regime_fit = suits(trending_up=0.4, trending_down=0.4, ranging=0.6, volatile=0.6, quiet=0.5)
    needs_sentiment = True
    constraints = (
        Below(0, "fear"),
        Below("fear", "greed"),
        Below("greed", 100),
        Below(1, "turn"),
        Below("turn", LONGEST_EMA + 1),
        Below(0, "hold"),
    )

    fear: float = 25.0
    greed: float = 75.0
    turn: int = 26
    margin: float = 0.25
    hold: int = 3

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + max(settled(self.turn), RANGE_CANDLES))

    def signals(self, view: MarketView) -> SignalArrays:
        index = view.sentiment
        if index is None:
            return SignalArrays.neutral(len(view.candles))
        turned = self._turn(view)
        at, side = fired(
            view,
            (index <= self.fear) & fresh(turned > self.margin, self.hold),
            (index >= self.greed) & fresh(turned < -self.margin, self.hold),
        )
        extreme = np.where(side > 0, ramp(index[at], self.fear, 8.0), ramp(index[at], self.greed, 92.0))
        follows = ramp(side * (view.indicators.rsi()[at] - 50.0), 0.0, 10.0)
        return assemble(
            view,
            at,
            side,
            strength=0.4 + 0.6 * extreme,
            confidence=0.55 + 0.25 * extreme + 0.15 * follows,
            stop_ranges=3.0,
            target_ranges=6.0,
        )

    def explain(self, view: MarketView, index: int) -> str:
        if view.sentiment is None or np.isnan(view.sentiment[index]):
            return "no sentiment index: no opinion"
        return (
            f"Fear & Greed {view.sentiment[index]:.0f} (fear up to {self.fear:g}, greed from {self.greed:g}); close "
            f"{self._turn(view)[index]:+.2f} ATR from EMA {self.turn} (turn: ±{self.margin:g})"
        )

    @once_per_view
    def _turn(self, view: MarketView) -> FloatArray:
        """The close's distance from its EMA, in ATR."""
        return (view.candles.close - view.indicators.ema(self.turn)) / atr(view)
