"""The choice of a strategy: the model or the rule table chooses the group, rules choose the strategy inside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.conditions import FeatureRow, MarketConditions
from autopilot.domain.decision import CandleBasis
from autopilot.domain.errors import ModelError, NoModel, StrategyError
from autopilot.domain.selection import DecidedBy, GroupScore, ModelOpinion, Selection, StrategyScore
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.ports.score_model import ModelScores, ScoreModel
from autopilot.selection.group_rules import score_groups
from autopilot.selection.strategy_rules import StrategyProfile, score_strategies

_ORDER = tuple(StrategyGroup)
_BY_RULES = "the rule table decides and its confidences are not calibrated"
NO_MODEL = f"no learned model; {_BY_RULES}"


class StrategySelector:
    """Chooses among ``strategies`` (at least one; the order does not matter). Raises StrategyError without any."""

    def __init__(self, strategies: Sequence[StrategyProfile], model: ScoreModel | None) -> None:
        if not strategies:
            raise StrategyError("there is no strategy to select from", hint="reinstall autopilot; it brings 14")
        self._strategies = tuple(strategies)
        self._model = model

    def select(
        self,
        conditions: MarketConditions,
        signals: Mapping[str, StrategySignal],
        recent_bps: Mapping[str, float],
        state: Callable[[], FeatureRow],
        basis: CandleBasis,
    ) -> Selection:
        """The choice for the last candle, among the strategies that ``basis`` does not leave out: at least one. If the
        model fails or its answer is unusable, the rules decide and the selection's note says why; so they do with
        fewer candles than a whole window. ``state`` computes the strategies' part of the model's input; it is called
        only if there is a model for these candles."""
        profiles = [each for each in self._strategies if each.name not in basis.left_out]
        scores, note = (None, _too_few(basis.count)) if basis.count < WINDOW else self._ask_model(conditions, state)
        by_rules = score_groups(conditions)
        groups = by_rules if scores is None else _best_first(scores.groups)
        ranked = score_strategies(profiles, conditions.regime, signals, recent_bps)
        rule_choice = None
        if scores is not None:
            rule_choice = _choose(by_rules, ranked)[1].strategy
            shares = scores.strategy_confidence
            ranked = tuple(replace(score, confidence=shares.get(score.strategy, 0.0)) for score in ranked)
        group, strategy = _choose(groups, ranked)
        said = signals.get(strategy.strategy)
        speaks = said is not None and said.signal_type is not SignalType.NONE
        return Selection(
            decided_by=DecidedBy.RULES if scores is None else DecidedBy.MODEL,
            group=group.group,
            strategy=strategy.strategy,
            group_confidence=group.confidence,
            strategy_confidence=strategy.confidence,
            groups=groups,
            strategies=ranked,
            note=note,
            rule_choice=rule_choice,
            model=self._opinion(scores, conditions, state, group.group if speaks else None),
        )

    def _ask_model(
        self, conditions: MarketConditions, state: Callable[[], FeatureRow]
    ) -> tuple[ModelScores | None, str]:
        """(the model's answer, a note); the answer is None if the rules must decide."""
        if self._model is None:
            return None, NO_MODEL
        try:
            scores = self._model.score(conditions, state)
            _check(scores)
        except NoModel as none:
            return None, f"{none}; {_BY_RULES}"
        except ModelError as error:
            return None, f"the rule table decides, because the learned model failed: {error}"
        return scores, f"learned model {scores.model_id} ({scores.opinion.state})"

    def _opinion(
        self,
        scores: ModelScores | None,
        conditions: MarketConditions,
        state: Callable[[], FeatureRow],
        explained: StrategyGroup | None,
    ) -> ModelOpinion | None:
        """The model's opinion, with the contributions to the edge of ``explained``; None skips these slow ones."""
        if scores is None or self._model is None or explained is None:
            return scores.opinion if scores else None
        try:
            return replace(scores.opinion, contributions=self._model.contributions(conditions, state, explained))
        except ModelError:
            return scores.opinion


def _too_few(candles: int) -> str:
    return f"no model is asked with {candles} candles, it needs {WINDOW:,}; {_BY_RULES}"


def _choose(groups: Sequence[GroupScore], ranked: Sequence[StrategyScore]) -> tuple[GroupScore, StrategyScore]:
    """The best group that has strategies, and its best strategy."""
    present = {score.group for score in ranked}
    group = next(score for score in groups if score.group in present)
    return group, next(score for score in ranked if score.group is group.group)


def _check(scores: ModelScores) -> None:
    """Raises ModelError unless every group is present once and every number is usable."""
    groups = [score.group for score in scores.groups]
    if sorted(groups) != sorted(StrategyGroup):
        raise ModelError(f"model {scores.model_id} scored the groups {', '.join(groups) or 'none'}, not each one once")
    shares = {score.group.value: score.confidence for score in scores.groups} | dict(scores.strategy_confidence)
    for name, share in shares.items():
        if not 0.0 <= share <= 1.0:
            raise ModelError(f"model {scores.model_id} gave {name} a confidence of {share}, outside 0 to 1")
    for score in scores.groups:
        if score.expected_edge_bps is not None and not math.isfinite(score.expected_edge_bps):
            raise ModelError(f"model {scores.model_id} expects {score.expected_edge_bps} bps of {score.group}")


def _best_first(groups: Sequence[GroupScore]) -> tuple[GroupScore, ...]:
    """The groups by expected edge, if any, then by confidence, then in the order of `StrategyGroup`."""

    def rank(score: GroupScore) -> tuple[float, float, int]:
        edge = -math.inf if score.expected_edge_bps is None else score.expected_edge_bps
        return -edge, -score.confidence, _ORDER.index(score.group)

    return tuple(sorted(groups, key=rank))
