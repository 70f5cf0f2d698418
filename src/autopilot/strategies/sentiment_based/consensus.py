"""A weighted vote of the single strategies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.rolling import Windows
from autopilot.strategies.base import (
    Below,
    CompositeStrategy,
    FloatArray,
    Int8Array,
    MarketView,
    SignalArrays,
    Strategy,
    StrategyGroup,
    suits,
)
from autopilot.strategies.rules import assemble, fired, fresh, ramp, unit, window_of

NOTICEABLE = 0.1
"""A group with a smaller vote takes no side."""


@dataclass(frozen=True)
class Consensus(CompositeStrategy):
    """Buys when strategies of different groups voted to buy within a few candles; sells likewise.

    Rule: a signal votes with its confidence, and the vote lasts for ``memory`` candles. A group's vote is the sum of
    its members' votes, at most 1, so that similar strategies do not outvote the others. The score is the sum over
    groups of the strongest buy vote less the strongest sell vote. A score beyond ``entry``, with at least ``quorum``
    groups on that side, is a signal for ``hold`` candles. A strategy without an opinion does not vote. Strength grows
    with the score, confidence with the score and the share of groups that agree. Confidence is lower for a buy at
    extreme greed and for a sell at extreme fear.

    Parameters: strategies (the voters), memory, hold (candles), entry (score), quorum (groups).

    Source: forecast combination, Bates and Granger, "The Combination of Forecasts" (1969); equal weights after Clemen
    (1989), since estimated weights rarely beat them.

    Typical failure: the voters use the same candles, so that their errors agree too.
    """

    name = "consensus"
    group = StrategyGroup.SENTIMENT_BASED
    regime_fit = suits(trending_up=0.6, trending_down=0.5, ranging=0.5, volatile=0.5, quiet=0.4)
    constraints = (
        Below(0, "memory"),
        Below(0, "entry"),
        Below(0, "quorum"),
        Below("quorum", len(StrategyGroup) + 1),
        Below(0, "hold"),
    )

    strategies: tuple[Strategy, ...]
    memory: int = 4
    entry: float = 1.1
    quorum: int = 2
    hold: int = 2

    @property
    def voters(self) -> tuple[Strategy, ...]:
        return self.strategies

    @property
    def candles_needed(self) -> int:
        return window_of(self.hold + self.memory + max(voter.candles_needed for voter in self.strategies))

    def combine(self, view: MarketView, opinions: Mapping[str, SignalArrays]) -> SignalArrays:
        score, ups, downs = self._count({name: arrays.side * arrays.confidence for name, arrays in opinions.items()})
        at, side = fired(
            view,
            fresh((score > self.entry) & (ups >= self.quorum), self.hold),
            fresh((score < -self.entry) & (downs >= self.quorum), self.hold),
        )
        size = ramp(abs(score[at]), self.entry, 2.0 * self.entry)
        agreement = np.maximum(ups[at], downs[at]) / np.maximum(ups[at] + downs[at], 1)
        confidence = 0.5 + 0.25 * size + 0.2 * ramp(agreement, 0.6, 1.0)
        if view.sentiment is not None:
            confidence -= 0.1 * ramp(side * (view.sentiment[at] - 50.0), 25.0, 45.0)
        return assemble(
            view,
            at,
            side,
            strength=0.4 + 0.6 * size,
            confidence=confidence,
            stop_ranges=2.5,
            target_ranges=4.0,
        )

    def explain_votes(self, view: MarketView, opinions: Mapping[str, SignalArrays], index: int) -> str:
        recent = slice(max(index - self.memory + 1, 0), index + 1)
        votes = {name: arrays.side[recent] * arrays.confidence[recent] for name, arrays in opinions.items()}
        score, ups, downs = self._count(votes)
        spoke = [f"{name} {vote[vote != 0][-1]:+.2f}" for name, vote in votes.items() if np.count_nonzero(vote)]
        sentiment = np.nan if view.sentiment is None else view.sentiment[index]
        return (
            f"score {score[-1]:+.2f} (beyond ±{self.entry:g} needed) with {ups[-1]:.0f} groups for a buy and "
            f"{downs[-1]:.0f} for a sell ({self.quorum} needed); votes of the last {self.memory} candles: "
            f"{', '.join(spoke) or 'none'}" + ("" if np.isnan(sentiment) else f"; Fear & Greed {sentiment:.0f}")
        )

    def _count(self, votes: Mapping[str, FloatArray]) -> tuple[FloatArray, Int8Array, Int8Array]:
        """The score, and the number of groups that vote to buy and to sell."""
        groups: dict[StrategyGroup, FloatArray] = {}
        for voter in self.strategies:
            vote = votes[voter.name]
            groups[voter.group] = groups[voter.group] + vote if voter.group in groups else vote
        said = np.array(tuple(groups.values()))
        buying, selling = _strongest(unit(np.array((said, -said))), self.memory)
        standing = buying - selling
        ups, downs = (standing > NOTICEABLE).view(np.int8), (standing < -NOTICEABLE).view(np.int8)
        return standing.sum(axis=0), ups.sum(axis=0, dtype=np.int8), downs.sum(axis=0, dtype=np.int8)


def _strongest(votes: FloatArray, memory: int) -> FloatArray:
    """Each row's highest entry of the last ``memory``, or fewer at the start."""
    highest = Windows(votes, np.maximum).over(memory)
    first = (..., slice(memory - 1))
    highest[first] = np.maximum.accumulate(votes[first], axis=-1)
    return highest
