"""The choice of a strategy, with its confidence and alternatives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.signal import StrategyGroup


class DecidedBy(StrEnum):
    """The source of the group's choice."""

    RULES = "rules"
    """The rule table; its confidences are not calibrated."""
    MODEL = "model"
    """The learned global model."""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """One group's score. ``confidence`` in [0, 1]; ``reason`` names the numbers behind it.

    ``expected_edge_bps`` is the model's expected net return in bps; None if the rules decide.
    """

    group: StrategyGroup
    confidence: float
    reason: str
    expected_edge_bps: float | None = None


@dataclass(frozen=True, slots=True)
class StrategyScore:
    """One strategy's score inside its group.

    ``score`` orders the strategies: ``regime_fit`` [0, 1], ``recent_return_bps`` (net, shrunk towards the
    strategy's mean over all symbols) and the strength of its present signal together make it.
    """

    strategy: str
    group: StrategyGroup
    score: float
    regime_fit: float
    recent_return_bps: float
    confidence: float


@dataclass(frozen=True, slots=True)
class Contribution:
    """The contribution of one feature, at its ``value``, to the chosen group's expected net return, in bps."""

    feature: str
    value: float
    effect_bps: float


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """The learned model's output besides its confidences. ``trained_on``: the candles of its training;
    ``probabilities``: calibrated probability that each group is the best, or that no group is; ``novelty``: the share
    of features outside the range it was trained on, too large above ``novelty_limit``; ``contributions``: the largest,
    if the choice gives a signal."""

    model_id: str
    state: ModelState
    trained_on: ModelScope
    probabilities: Mapping[str, float]
    novelty: float
    novelty_limit: float
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice and all its alternatives, best first.

    ``model`` and ``rule_choice`` (the rule table's own choice) are None if the rules decided.
    """

    decided_by: DecidedBy
    group: StrategyGroup
    strategy: str
    group_confidence: float
    strategy_confidence: float
    groups: tuple[GroupScore, ...]
    strategies: tuple[StrategyScore, ...]
    note: str = ""
    rule_choice: str | None = None
    model: ModelOpinion | None = None

    @property
    def confidence(self) -> float:
        """group_confidence × strategy_confidence."""
        return self.group_confidence * self.strategy_confidence

    @property
    def proven_on(self) -> ModelScope | None:
        """The candles on which the model that decided has proven an edge; None if there is no proof."""
        return self.model.trained_on if self.model and self.model.state is ModelState.LIVE else None

    @property
    def edge_bps(self) -> float | None:
        """The model's expected net return of the chosen group, in bps; None if the rules decided."""
        return next((score.expected_edge_bps for score in self.groups if score.group is self.group), None)
