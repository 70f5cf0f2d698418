"""A model's choices on many candles. Only the heads that a choice depends on are trained and evaluated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.model.choice import choose, count_votes
from autopilot.training.model.ensemble import Ensemble, RawScores
from autopilot.training.model.fit import Bags, FitSettings
from autopilot.training.model.novelty import TrainingRange

StrategyScores = Callable[[IntArray, IntArray], FloatArray]
"""The scores of all strategies on these rows (int64[m]): float64[members, m, s]. They are used only for the strategies
in the second argument."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoringInputs:
    """``n`` candles. ``features`` float64[n, k]: the model's input, finite; ``unit`` float64[n]: the usual move over
    the horizon; ``picks`` int64[n, g]: the rules' strategy in each group; ``speaks`` bool[n, g]: it has a signal."""

    features: FloatArray
    unit: FloatArray
    picks: IntArray
    speaks: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class ScoredChoices:
    """For each of n candles: the chosen group and its strategy (columns), the confidence in both, the expected edge and
    the novelty. ``strategy_confidence`` is 0 if the strategy has no signal. ``limit`` float64[]: the novelty above
    which the model abstains."""

    group: IntArray
    strategy: IntArray
    group_confidence: FloatArray
    strategy_confidence: FloatArray
    edge_bps: FloatArray
    novelty: FloatArray
    limit: FloatArray

    def of_rows(self, rows: slice) -> ScoredChoices:
        """The choices on some of the candles."""
        *columns, _ = (each.name for each in fields(self))
        return ScoredChoices(**{name: getattr(self, name)[rows] for name in columns}, limit=self.limit)


def join_inputs(parts: Sequence[ScoringInputs]) -> ScoringInputs:
    """All candles of the parts, at least one, in their order."""
    columns = ([getattr(part, each.name) for part in parts] for each in fields(ScoringInputs))
    return ScoringInputs(*(np.concatenate(column) for column in columns))


def fit_and_choose(
    data: TrainingSet, rows: IntArray, inputs: ScoringInputs, group_of: IntArray, settings: FitSettings
) -> ScoredChoices:
    """The choices of a model that is trained on ``rows``, at least one. It is trained without the classifier, and only
    with the heads of strategies that are chosen at a signal. ``group_of`` int64[s]: the group of each strategy."""
    bags, members = Bags(data, rows, settings), range(settings.members)
    groups = np.stack([bags.groups(member).predict(inputs.features) for member in members])

    def strategies(spoken: IntArray, wanted: IntArray) -> FloatArray:
        features = inputs.features[spoken]
        return np.stack([bags.strategies(member, wanted).predict(features) for member in members])

    return _choices(groups, strategies, inputs, TrainingRange.of(data.features[rows]), group_of)


def choices_of(ensemble: Ensemble, spread: TrainingRange, inputs: ScoringInputs, group_of: IntArray) -> ScoredChoices:
    """The choices of a model with the training range ``spread``. ``group_of`` int64[s]: the group of each strategy."""
    groups = np.stack([member.predict(inputs.features) for member in ensemble.groups])

    def strategies(spoken: IntArray, _: IntArray) -> FloatArray:
        features = inputs.features[spoken]
        return np.stack([member.predict(features) for member in ensemble.strategies])

    return _choices(groups, strategies, inputs, spread, group_of)


def _choices(
    groups: FloatArray, strategies: StrategyScores, inputs: ScoringInputs, spread: TrainingRange, group_of: IntArray
) -> ScoredChoices:
    """``groups`` float64[members, n, g]: the scores of all groups."""
    members, count, _ = groups.shape
    nothing = np.zeros((members, count, len(group_of)))
    votes = count_votes(RawScores(groups, nothing, np.zeros((count, NO_GROUP + 1))), inputs.unit, group_of)
    chosen, rows = choose(votes, inputs.picks), np.arange(count)
    spoken = np.flatnonzero(inputs.speaks[rows, chosen.group])
    confidence = np.zeros(count)
    if len(spoken):
        scores = strategies(spoken, np.unique(chosen.strategy[spoken]))
        raw = RawScores(groups[:, spoken], scores, np.zeros((len(spoken), NO_GROUP + 1)))
        shares = count_votes(raw, inputs.unit[spoken], group_of).strategy_shares
        confidence[spoken] = shares[np.arange(len(spoken)), chosen.strategy[spoken]]
    return ScoredChoices(
        group=chosen.group,
        strategy=chosen.strategy,
        group_confidence=votes.group_shares[rows, chosen.group],
        strategy_confidence=confidence,
        edge_bps=chosen.edge_bps,
        novelty=spread.novelty(inputs.features),
        limit=np.array(spread.limit),
    )
