"""The choices of models in a backtest, in place of those of the rule table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autopilot.backtest.choices import BacktestChoices
from autopilot.domain.candles import AnyArray, IntArray
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.selection.strategy_rules import StrategyProfile, group_of
from autopilot.training.data.series import SymbolSeries
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.model.scored_choices import ScoredChoices, ScoringInputs, choices_of

BATCH = 4096
"""Candles that a stored model scores at once."""


@dataclass(frozen=True, slots=True, eq=False)
class DecidingModel:
    """One model, and the span [from_ms, until_ms) of closes that it decides."""

    id: str
    state: ModelState
    trained_on: ModelScope
    verdict: str
    trained_until_ms: int
    from_ms: int
    until_ms: int
    novelty_limit: float


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A stored model, and the span that it decides."""

    deciding: DecidingModel
    ensemble: Ensemble
    spread: TrainingRange


def follow_models(
    choices: BacktestChoices, series: SymbolSeries, models: Sequence[LoadedModel], profiles: Sequence[StrategyProfile]
) -> BacktestChoices:
    """The choices with those of the models in their spans, wherever a group has a signal and the input is complete."""
    for number, model in enumerate(models):
        scored = candles_to_score(choices, series, model.deciding.from_ms, model.deciding.until_ms)
        for begin in range(0, len(scored), BATCH):
            at, inputs = scoring_inputs(choices, series, scored[begin : begin + BATCH])
            if len(at):
                theirs = choices_of(model.ensemble, model.spread, inputs, group_of(profiles))
                choices = with_choices(choices, number, at, theirs)
    return choices


def candles_to_score(choices: BacktestChoices, series: SymbolSeries, from_ms: int, until_ms: int) -> IntArray:
    """int64[m]: the indices of the choices at closes in [from_ms, until_ms) where any group has a signal."""
    candles = series.candles
    at = np.arange(choices.first, choices.first + len(choices))
    closes = candles.open_at_ms[at] + candles.timeframe.ms
    inside = np.flatnonzero((closes >= from_ms) & (closes < until_ms))
    speaks = np.take_along_axis(series.sides(at[inside]).T, choices.picks[inside], axis=1).any(axis=1)
    return inside[speaks]


def scoring_inputs(choices: BacktestChoices, series: SymbolSeries, scored: IntArray) -> tuple[IntArray, ScoringInputs]:
    """The part of the choices ``scored`` (int64[m]) whose input is complete, and a model's input for it."""
    features, records = series.inputs(choices.first + scored), series.records
    whole = records.complete[records.at(choices.first + scored)] & np.isfinite(features).all(axis=1)
    scored, features = scored[whole], features[whole]
    picks = choices.picks[scored].astype(np.int64)
    speaks = np.take_along_axis(series.sides(choices.first + scored).T, picks, axis=1) != 0
    return scored, ScoringInputs(features, series.unit(features), picks, speaks)


def with_choices(choices: BacktestChoices, number: int, scored: IntArray, theirs: ScoredChoices) -> BacktestChoices:
    """The choices with those of model ``number`` at the indices ``scored``."""
    found: dict[str, AnyArray] = {
        "group": theirs.group,
        "strategy": theirs.strategy,
        "group_confidence": theirs.group_confidence,
        "strategy_confidence": theirs.strategy_confidence,
        "edge_bps": theirs.edge_bps,
        "novelty": theirs.novelty,
        "model": np.full(len(scored), number),
    }
    changed: dict[str, Any] = {}
    for name, values in found.items():
        changed[name] = getattr(choices, name).copy()
        changed[name][scored] = values
    return replace(choices, **changed)
