"""A weighted vote of the single strategies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from autopilot.analysis.entries import Numbers, how_many, larger
from autopilot.analysis.moment import MarketMoment
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
from autopilot.strategies.rules import (
    Take,
    assemble,
    fired,
    fresh,
    ramp,
    rolling_max,
    sentiment_of,
    side_of,
    unit,
    window_of,
)

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
    stop_ranges = 2.5
    target_ranges = 4.0
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
        strength, confidence = self._weights(score[at], ups[at], downs[at], Take(view, side, at))
        return assemble(
            view,
            at,
            side,
            strength=strength,
            confidence=confidence,
            stop_ranges=self.stop_ranges,
            target_ranges=self.target_ranges,
        )

    def explain_votes(self, view: MarketView, opinions: Mapping[str, SignalArrays], index: int) -> str:
        recent = slice(max(index - self.memory + 1, 0), index + 1)
        votes = {name: arrays.side[recent] * arrays.confidence[recent] for name, arrays in opinions.items()}
        score, ups, downs = self._count(votes)
        return self._words((score[-1], ups[-1], downs[-1]), votes, view.at(index).sentiment)

    def side_at(self, moment: MarketMoment) -> float:
        return side_of(moment, moment.fresh(self.hold, self._is_rising), moment.fresh(self.hold, self._is_falling))

    def weights_at(self, moment: MarketMoment, side: float) -> tuple[float, float]:
        strength, confidence = self._weights(*self._count_at(moment), Take(moment, side))
        return unit(strength), unit(confidence)

    def words(self, at: MarketMoment) -> str:
        recent = [at.back(ago).votes for ago in range(self.memory - 1, -1, -1)]
        votes = {voter.name: np.array([each.get(voter.name, 0.0) for each in recent]) for voter in self.strategies}
        return self._words(self._count_at(at), votes, at.sentiment)

    def said(self, votes: Mapping[str, Numbers]) -> list[Numbers]:
        """The sum of each group's votes; a missing vote counts as 0."""
        groups: dict[StrategyGroup, Numbers] = {}
        for voter in self.strategies:
            groups[voter.group] = groups.get(voter.group, 0.0) + votes.get(voter.name, 0.0)
        return list(groups.values())

    def _is_rising(self, moment: MarketMoment) -> bool:
        score, ups, _ = self._count_at(moment)
        return score > self.entry and ups >= self.quorum

    def _is_falling(self, moment: MarketMoment) -> bool:
        score, _, downs = self._count_at(moment)
        return score < -self.entry and downs >= self.quorum

    def _weights(self, score: Numbers, ups: Numbers, downs: Numbers, take: Take) -> tuple[Numbers, Numbers]:
        size = ramp(abs(score), self.entry, 2.0 * self.entry)
        agreement = larger(ups * 1.0, downs) / larger((ups + downs) * 1.0, 1.0)
        confidence = 0.5 + 0.25 * size + 0.2 * ramp(agreement, 0.6, 1.0)
        if take.of.sentiment is not None:
            confidence = confidence - 0.1 * ramp(take.side * (take(sentiment_of) - 50.0), 25.0, 45.0)
        return 0.4 + 0.6 * size, confidence

    def _words(
        self, count: tuple[float, float, float], votes: Mapping[str, FloatArray], sentiment: float | None
    ) -> str:
        score, ups, downs = count
        heard = {voter.name: votes[voter.name] for voter in self.strategies}
        spoke = [f"{name} {vote[vote != 0][-1]:+.2f}" for name, vote in heard.items() if np.count_nonzero(vote)]
        return (
            f"score {score:+.2f} (beyond ±{self.entry:g} needed) with {ups:.0f} groups for a buy and "
            f"{downs:.0f} for a sell ({self.quorum} needed); votes of the last {self.memory} candles: "
            f"{', '.join(spoke) or 'none'}"
            + ("" if sentiment is None or isnan(sentiment) else f"; Fear & Greed {sentiment:.0f}")
        )

    def _count_at(self, moment: MarketMoment) -> tuple[float, float, float]:
        """As `_count`, at one candle."""
        found = moment.measures.get(self.name)
        if found is None:
            recent = [self._said_at(moment.back(ago)) for ago in range(self.memory)]
            votes = [(unit(max(group)), unit(-min(group))) for group in zip(*recent, strict=True)]
            found = moment.measures[self.name] = _tally(votes)
        return found

    def _said_at(self, moment: MarketMoment) -> list[float]:
        key = self.name, "said"
        found = moment.measures.get(key)
        if found is None:
            found = moment.measures[key] = self.said(moment.votes)
        return found

    def _count(self, votes: Mapping[str, FloatArray]) -> tuple[FloatArray, Int8Array, Int8Array]:
        """The score, and the number of groups that vote to buy and to sell, at every candle."""
        said = self.said(votes)
        return _tally([(_strongest(unit(each), self.memory), _strongest(unit(-each), self.memory)) for each in said])


def _tally(votes: Sequence[tuple[Numbers, Numbers]]) -> tuple[Numbers, Numbers, Numbers]:
    """(score, groups for a buy, groups for a sell) from each group's strongest votes to buy and to sell."""
    standing = [buying - selling for buying, selling in votes]
    ups, downs = [each > NOTICEABLE for each in standing], [each < -NOTICEABLE for each in standing]
    return sum(standing), how_many(ups), how_many(downs)


def _strongest(votes: FloatArray, memory: int) -> FloatArray:
    """The highest entry of the last ``memory``, or fewer at the start."""
    highest = rolling_max(votes, memory)
    highest[: memory - 1] = np.maximum.accumulate(votes[: memory - 1])
    return highest
