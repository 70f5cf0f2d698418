"""The learned model, as the selector sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.conditions import MarketConditions
from autopilot.domain.selection import GroupScore


@dataclass(frozen=True, slots=True)
class ModelScores:
    """All five groups, and each strategy's confidence given its group is right: the share of the members that
    favour the group which favour the strategy too. All confidences in [0, 1]."""

    model_id: str
    groups: tuple[GroupScore, ...]
    strategy_confidence: Mapping[str, float]


class ScoreModel(Protocol):
    def score(self, conditions: MarketConditions) -> ModelScores:
        """Raises ModelError when there is no usable model or answer; the rules decide then."""
        ...
