"""Which strategy decides now, and how sure the choice is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from autopilot.domain.model_state import ModelState
from autopilot.domain.signal import StrategyGroup


class DecidedBy(StrEnum):
    """Who chose the group."""

    RULES = "rules"
    """The group table; its confidences are not calibrated."""
    MODEL = "model"
    """The learned global model."""


@dataclass(frozen=True, slots=True)
class GroupScore:
    """One group's standing. ``confidence`` in [0, 1]; ``reason`` names the numbers it rests on.

    ``expected_edge_bps`` is the model's expected net return, in basis points; None when rules decide.
    """

    group: StrategyGroup
    confidence: float
    reason: str
    expected_edge_bps: float | None = None


@dataclass(frozen=True, slots=True)
class StrategyScore:
    """One strategy's standing inside its group.

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
    """What one feature, at its ``value``, adds to the expected net return of the chosen group, in basis points."""

    feature: str
    value: float
    effect_bps: float


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """What the learned model says besides its confidences. ``state``: how far it is proven; ``probabilities``: of each
    group being the best, and of none, calibrated; ``novelty``: the share of features outside the range it was trained
    on, too large above ``novelty_limit``; ``contributions``: the leading ones, where the choice gives a signal."""

    model_id: str
    state: str
    probabilities: Mapping[str, float]
    novelty: float
    novelty_limit: float
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """The choice, and everything it was chosen from (best first). ``model`` is None when the rules decided.

    ``rule_choice``: the strategy that the rule table would have taken, when a model decided; None when the rules did.
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
    def is_proven(self) -> bool:
        """Whether a model decided whose evidence permits real money."""
        return self.model is not None and self.model.state == ModelState.LIVE

    @property
    def edge_bps(self) -> float | None:
        """What the model expects of the chosen group; None when the rules decided."""
        return next((score.expected_edge_bps for score in self.groups if score.group is self.group), None)
