"""The learned model, as the selector sees it."""

from __future__ import annotations

from collections.abc import Mapping
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
    """``state`` is what the model is told of the strategies (performance.strategy_state)."""

    @property
    def is_present(self) -> bool:
        """False when there is none to ask, so that nothing need be made ready for it."""

    def score(self, conditions: MarketConditions, state: FeatureRow) -> ModelScores:
        """Raises ModelError when there is no usable model or answer; the rules decide then."""

    def contributions(
        self, conditions: MarketConditions, state: FeatureRow, group: StrategyGroup
    ) -> tuple[Contribution, ...]:
        """The leading ones for that group's expected edge, largest first. Raises ModelError."""
