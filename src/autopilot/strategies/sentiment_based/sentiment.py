"""Against extreme sentiment, once the price turns."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan

from autopilot.analysis.entries import Numbers, Truths, either
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.view import Market
from autopilot.strategies.base import Below, StrategyGroup, suits
from autopilot.strategies.rules import (
    LONGEST_EMA,
    RANGE_CANDLES,
    Rule,
    Take,
    atr,
    once,
    ramp,
    sentiment_of,
    settled,
    window_of,
)


@dataclass(frozen=True)
class Sentiment(Rule):
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
    stop_ranges = 3.0
    target_ranges = 6.0
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

    def sides(self, of: Market) -> tuple[Truths, Truths]:
        return (
            (sentiment_of(of) <= self.fear) & of.fresh(self.hold, self._is_above),
            (sentiment_of(of) >= self.greed) & of.fresh(self.hold, self._is_below),
        )

    def weights(self, take: Take) -> tuple[Numbers, Numbers]:
        index = take(sentiment_of)
        extreme = either(take.side > 0, ramp(index, self.fear, 8.0), ramp(index, self.greed, 92.0))
        follows = ramp(take.side * (take(_rsi) - 50.0), 0.0, 10.0)
        return 0.4 + 0.6 * extreme, 0.55 + 0.25 * extreme + 0.15 * follows

    def words(self, at: MarketMoment) -> str:
        index = at.sentiment
        if index is None or isnan(index):
            return "no sentiment index: no opinion"
        return (
            f"Fear & Greed {index:.0f} (fear up to {self.fear:g}, greed from {self.greed:g}); close "
            f"{_turn(at, self.turn):+.2f} ATR from EMA {self.turn} (turn: ±{self.margin:g})"
        )

    def _is_above(self, of: Market) -> Truths:
        return _turn(of, self.turn) > self.margin

    def _is_below(self, of: Market) -> Truths:
        return _turn(of, self.turn) < -self.margin


@once
def _turn(of: Market, n: int) -> Numbers:
    """The close's distance from its EMA, in ATR."""
    return (of.indicators.close - of.indicators.ema(n)) / atr(of)


def _rsi(of: Market) -> Numbers:
    return of.indicators.rsi()
