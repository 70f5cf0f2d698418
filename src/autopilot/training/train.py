"""One training, from the data of the symbols to a model with its evidence. Maps over symbols and folds run on any
executor; each gives the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor, Future, as_completed
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

import numpy as np

from autopilot.analysis.features import SCHEMA as FEATURE_SCHEMA
from autopilot.domain.document_types import Document
from autopilot.domain.errors import ModelError
from autopilot.domain.model_state import ModelScope, ModelState
from autopilot.domain.progress import Progress
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.performance.outcomes import TradingCost, horizon
from autopilot.selection.strategy_rules import profiles_of
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.history import SymbolRows, learned_names, symbol_rows
from autopilot.training.data.series import SymbolData
from autopilot.training.data.training_set import NO_GROUP, TrainingSet, training_set
from autopilot.training.evidence.card import evidence_part, importance_part, training_part
from autopilot.training.evidence.checks import (
    class_losses,
    planted_test,
    prefix_test,
    purge_test,
    shuffled,
    shuffled_test,
    summarize,
)
from autopilot.training.evidence.evaluation import Judged, evaluate_decisions
from autopilot.training.evidence.gate import GateVerdict, pass_gate
from autopilot.training.evidence.incumbent import Incumbent
from autopilot.training.evidence.splits import combinatorial
from autopilot.training.evidence.walk import join_folds, score_fold, walk_folds
from autopilot.training.model.calibration import UNCALIBRATED
from autopilot.training.model.ensemble import Ensemble
from autopilot.training.model.fit import FitSettings, fit_classes, fit_member
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.model.scoring import base_rates
from autopilot.training.request import Acting, Stage, TrainingRequest

MODEL_SCHEMA = f"learned-1/{FEATURE_SCHEMA}"
"""The schema of a model's input. A model with another schema is not used."""
SHUFFLED_FOLDS = 3
FOLDS_AT_ONCE = 4
"""Combinatorial folds per task, because each task carries all samples."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """``scope``: the kind and timeframe of the candles; ``trials``: the number of trainings on such a market, this
    one included; ``incumbent``: the present champion of ``scope``."""

    acting: Acting
    cost: TradingCost
    trials: int
    scope: ModelScope
    fit: FitSettings = field(default_factory=FitSettings)
    incumbent: Incumbent | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """A new model: ``text`` of its ensemble, its ``card`` as a JSON document, the ``state`` that the gate permits, and
    whether it ``replaces`` the model that decides now."""

    model_id: str
    state: ModelState
    replaces: bool
    text: str
    card: Document


def train(
    histories: Sequence[SymbolData],
    strategies: StrategySet,
    request: TrainingRequest,
    settings: TrainingSettings,
    executor: Executor,
    report: Progress,
) -> Trained:
    """Train a model and examine it. Raises ModelError when there are too few samples."""
    fitting = replace(settings.fit, seed=request.seed)
    rows = _gather(
        [executor.submit(symbol_rows, each, strategies, settings.cost) for each in histories],
        [each.symbol for each in histories],
        Stage.SAMPLING,
        report,
    )
    report(Stage.LABELS, 0, 1)
    profiles = profiles_of(strategies)
    data = training_set(rows, learned_names(strategies.names), profiles)
    _suffices(data, request)
    report(Stage.LABELS, 1, 1, f"{len(data):,} samples")
    judged, verdict, evidence = _examine(data, rows, fitting, settings, executor, report, horizon(request.timeframe))
    every = np.arange(len(data))
    members = [executor.submit(fit_member, data, every, fitting, member) for member in range(fitting.members)]
    classes = executor.submit(fit_classes, data.features, data.classes, fitting)
    fitted = _gather(members, [f"member {member + 1}" for member in range(fitting.members)], Stage.FIT, report)
    ensemble = Ensemble(tuple(one for one, _ in fitted), tuple(other for _, other in fitted), classes.result())
    text = ensemble.to_text()
    # A booster that was just trained has more digits of each gain than its text, which other processes return.
    ensemble = Ensemble.from_text(text)
    serving = _serving(data, judged, fitting)
    identity = hashlib.sha256((text + repr(serving)).encode()).hexdigest()
    day = datetime.fromtimestamp(int(data.matured_ms[-1]) / 1000, UTC)
    model_id = f"m-{day:%Y%m%d}-{identity[:8]}"
    card = {
        "id": model_id,
        "schema": MODEL_SCHEMA,
        **training_part(request, settings.scope.kind, data, rows),
        **evidence,
        "importance": importance_part(ensemble, data.names),
        "serving": serving,
    }
    return Trained(model_id, verdict.state, verdict.replaces, text, card)


def _examine(
    data: TrainingSet,
    rows: Sequence[SymbolRows],
    fitting: FitSettings,
    settings: TrainingSettings,
    executor: Executor,
    report: Progress,
    steps: int,
) -> tuple[Judged | None, GateVerdict, Document]:
    """The out-of-fold decisions (None without folds), the verdict of the gate, and the evidence of the card."""
    folds = walk_folds(data, purge_ms=_purge_ms(data, steps))
    scored = _gather(
        # The longest first, so that no processor is left alone with it at the end.
        [executor.submit(score_fold, data, fold, fitting) for fold in folds[::-1]][::-1],
        [fold.name for fold in folds],
        Stage.FOLDS,
        report,
    )
    judged = evaluate_decisions(data, join_folds(scored), settings.acting, settings.incumbent) if scored else None
    crossing = combinatorial(data.at_ms, data.matured_ms) if scored else ()
    wrong = shuffled(data.classes, fitting.seed)
    parts = [crossing[begin : begin + FOLDS_AT_ONCE] for begin in range(0, len(crossing), FOLDS_AT_ONCE)]
    checks = [executor.submit(class_losses, data, data.classes, part, fitting) for part in parts]
    checks.append(executor.submit(class_losses, data, wrong, folds[-SHUFFLED_FOLDS:], fitting))
    *crossed, mixed = _gather(checks, [""] * len(checks), Stage.CHECKS, report)
    losses = [loss for part in crossed for loss in part]
    leaks = (
        prefix_test(rows),
        planted_test(rows),
        purge_test(data, folds),
        shuffled_test(mixed),
    )
    verdict = pass_gate(judged, leaks, settings.trials)
    return judged, verdict, evidence_part(judged, verdict, leaks, summarize(losses), settings.trials)


def _suffices(data: TrainingSet, request: TrainingRequest) -> None:
    """Raises ModelError when too few outcomes have matured."""
    matured = np.isfinite(data.returns).sum(axis=0)
    enough = int((matured >= request.min_samples_per_strategy).sum()) if len(data) else 0
    if enough == 0:
        raise ModelError(
            f"{len(data)} samples from {', '.join(request.symbols)} in {request.days} days are too few to train on: no "
            f"strategy has {request.min_samples_per_strategy} matured outcomes",
            hint="train on more days or more symbols; autopilot data list shows which candles are stored",
        )


def _purge_ms(data: TrainingSet, steps: int) -> int:
    """The length of one candle: a label is used one candle after it has matured."""
    if not len(data):
        return 0
    return int(np.min(data.matured_ms - data.at_ms)) // steps


def _serving(data: TrainingSet, judged: Judged | None, fitting: FitSettings) -> Document:
    """The part of the card that scoring a decision needs, beside the boosters."""
    spread = TrainingRange.of(data.features)
    calibration = judged.calibration if judged else UNCALIBRATED
    return {
        "features": list(data.names),
        "strategies": [each.name for each in data.strategies],
        "groups": {each.name: each.group.value for each in data.strategies},
        "classes": [*(group.value for group in STRATEGY_GROUPS), "none"],
        "members": fitting.members,
        "base_rates": base_rates(data.classes, NO_GROUP + 1).tolist(),
        "temperature": calibration.temperature,
        "base_weight": calibration.base_weight,
        "range": {"lower": spread.lower.tolist(), "upper": spread.upper.tolist(), "limit": spread.limit},
        "trained_until_ms": int(data.matured_ms.max()),
    }


def _gather(futures: Iterable[Future[T]], names: Sequence[str], stage: Stage, report: Progress) -> list[T]:
    """The results, in the order of ``futures``. If ``report`` or a task raises, the tasks that have not begun are
    canceled."""
    waiting = list(futures)
    named = dict(zip(waiting, names, strict=True))
    try:
        report(stage, 0, len(waiting))
        for done, future in enumerate(as_completed(waiting), start=1):
            future.result()
            report(stage, done, len(waiting), named[future])
    except BaseException:
        for future in waiting:
            future.cancel()
        raise
    return [future.result() for future in waiting]
