"""Walk-forward models: each decides only candles after its training data, and only if its gate permits, which sees no
later data either."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autopilot.backtest.choices import BacktestChoices
from autopilot.backtest.stages import BacktestStage
from autopilot.domain.candles import AnyArray, IntArray
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import iso_utc
from autopilot.selection.strategy_rules import StrategyProfile, group_of
from autopilot.training.data.series import SymbolSeries
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.evidence.evaluation import evaluate_decisions
from autopilot.training.evidence.gate import GateVerdict, pass_gate
from autopilot.training.evidence.splits import Fold
from autopilot.training.evidence.walk import MIN_TRAIN, OutOfFold, join_folds, score
from autopilot.training.model.choice import choose, count_votes
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.fit import FitSettings, fit
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.request import Acting

BATCH = 4096
"""Candles scored at once."""


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
    ensemble: Ensemble
    spread: TrainingRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraining:
    """Closes in [start_ms, end_ms) are decided. A model is trained at the start and then every ``every_ms``, on the
    samples that had matured ``purge_ms`` before. It decides for ``life_ms`` after its last sample, or until the next
    model. ``is_gated``: only if its gate permits. ``scope``: the candles that are tested."""

    scope: ModelScope
    start_ms: int
    end_ms: int
    every_ms: int
    purge_ms: int
    life_ms: int
    is_gated: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Trained:
    at_ms: int
    scored: OutOfFold | None
    ensemble: Ensemble
    spread: TrainingRange
    trained_until_ms: int


def walk_models(
    data: TrainingSet, plan: Retraining, fitting: FitSettings, acting: Acting, executor: Executor, progress: Progress
) -> tuple[DecidingModel, ...]:
    """The models in the order of their spans, which do not overlap. Models are trained before ``start_ms`` too: their
    scores on later samples are the evidence for the gate."""
    moments = _moments(data, plan)
    waiting = [executor.submit(_train, data, moment, plan, fitting) for moment in moments]
    trained: list[_Trained] = []
    progress(BacktestStage.MODELS, 0, len(waiting))
    for done, future in enumerate(waiting, start=1):
        trained.append(future.result())
        progress(BacktestStage.MODELS, done, len(waiting), iso_utc(moments[done - 1])[:10])
    return _deciding_spans(data, trained, plan, acting, progress)


def _moments(data: TrainingSet, plan: Retraining) -> list[int]:
    """The times at which a model is trained: enough samples must have matured."""
    if not len(data):
        return []
    before = (plan.start_ms - int(data.at_ms[0])) // plan.every_ms
    every = range(plan.start_ms - max(before, 0) * plan.every_ms, plan.end_ms, plan.every_ms)
    return [moment for moment in every if int((data.matured_ms + plan.purge_ms <= moment).sum()) >= MIN_TRAIN]


def _train(data: TrainingSet, at_ms: int, plan: Retraining, fitting: FitSettings) -> _Trained:
    train = np.flatnonzero(data.matured_ms + plan.purge_ms <= at_ms)
    test = np.flatnonzero((data.at_ms >= at_ms) & (data.at_ms < at_ms + plan.every_ms))
    ensemble = fit(data, train, fitting)
    fold = Fold(iso_utc(at_ms)[:10], train, test)
    return _Trained(
        at_ms=at_ms,
        scored=score(data, fold, ensemble) if len(test) else None,
        ensemble=ensemble,
        spread=TrainingRange.of(data.features[train]),
        trained_until_ms=int(data.matured_ms[train].max()),
    )


def _deciding_spans(
    data: TrainingSet, trained: Sequence[_Trained], plan: Retraining, acting: Acting, progress: Progress
) -> tuple[DecidingModel, ...]:
    """The span each model decides: from its training until the next accepted model or its expiry."""
    found: list[DecidingModel] = []
    first = sum(each.at_ms < plan.start_ms for each in trained)
    for number, each in enumerate(trained[first:], start=first):
        progress(BacktestStage.JUDGING, number - first, len(trained) - first, iso_utc(each.at_ms)[:10])
        known = [one.scored for one in trained[:number] if one.scored]
        verdict = pass_gate(
            evaluate_decisions(data, join_folds(known), acting) if known else None, (), trials=number + 1
        )
        if not (verdict.replaces or not plan.is_gated):
            continue
        if found and found[-1].until_ms > each.at_ms:
            found[-1] = replace(found[-1], until_ms=each.at_ms)
        found.append(_decider(each, verdict, plan))
    return tuple(found)


def _decider(trained: _Trained, verdict: GateVerdict, plan: Retraining) -> DecidingModel:
    return DecidingModel(
        id=f"walk-{iso_utc(trained.at_ms)[:10]}",
        state=verdict.state,
        trained_on=plan.scope,
        verdict=verdict.sentence,
        trained_until_ms=trained.trained_until_ms,
        from_ms=trained.at_ms,
        until_ms=min(plan.end_ms, trained.trained_until_ms + plan.life_ms + 1),
        ensemble=trained.ensemble,
        spread=trained.spread,
    )


def follow_models(
    choices: BacktestChoices, series: SymbolSeries, models: Sequence[DecidingModel], profiles: Sequence[StrategyProfile]
) -> BacktestChoices:
    """The choices with those of the models in their spans, wherever a group has a signal and the input is complete."""
    candles = series.candles
    at = np.arange(choices.first, choices.first + len(choices))
    closes = candles.open_at_ms[at] + candles.timeframe.ms
    speaks = np.take_along_axis(series.sides(at).T, choices.picks, axis=1).any(axis=1)
    for number, model in enumerate(models):
        scored = np.flatnonzero(speaks & (closes >= model.from_ms) & (closes < model.until_ms))
        for begin in range(0, len(scored), BATCH):
            choices = _scored(choices, series, model, number, scored[begin : begin + BATCH], group_of(profiles))
    return choices


def _scored(
    choices: BacktestChoices,
    series: SymbolSeries,
    model: DecidingModel,
    number: int,
    scored: IntArray,
    groups: IntArray,
) -> BacktestChoices:
    inputs = series.inputs(choices.first + scored)
    records = series.records
    whole = records.complete[records.at(choices.first + scored)] & np.isfinite(inputs).all(axis=1)
    scored, inputs = scored[whole], inputs[whole]
    if not len(scored):
        return choices
    votes = count_votes(model.ensemble.predict(inputs), series.unit(inputs), groups)
    chosen, rows = choose(votes, choices.picks[scored].astype(np.int64)), np.arange(len(scored))
    found: dict[str, AnyArray] = {
        "group": chosen.group,
        "strategy": chosen.strategy,
        "group_confidence": votes.group_shares[rows, chosen.group],
        "strategy_confidence": votes.strategy_shares[rows, chosen.strategy],
        "edge_bps": chosen.edge_bps,
        "novelty": model.spread.novelty(inputs),
        "model": np.full(len(scored), number),
    }
    changed: dict[str, Any] = {}
    for name, values in found.items():
        changed[name] = getattr(choices, name).copy()
        changed[name][scored] = values
    return replace(choices, **changed)
