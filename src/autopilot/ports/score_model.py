"""The learned model, as the selector sees it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.selection import Contribution, GroupScore, ModelOpinion
from autopilot.domain.signal import StrategyGroup


@dataclass(frozen=True, slots=True)
class ModelScores:
    """All five groups, and each strategy's confidence given its group is right: the share of the members that
    favour the group which favour the strategy too. All confidences in [0, 1]."""

    opinion: ModelOpinion
    groups: tuple[GroupScore, ...]
    strategy_confidence: Mapping[str, float]

    @property
    def model_id(self) -> str:
        return self.opinion.model_id


class ScoreModel(Protocol):
    """``state`` computes the strategies' part of the features (performance.strategy_state). It is called only if a
    model decides about the candles of ``conditions``."""

    def score(self, conditions: MarketConditions, state: Callable[[], FeatureRow]) -> ModelScores:
        """Raises NoModel when no model decides about such candles, ModelError when there is no usable model or answer;
        the rules decide then."""

    def contributions(
        self, conditions: MarketConditions, state: Callable[[], FeatureRow], group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        """The leading ones for that group's expected edge, largest first. Raises ModelError."""
