"""Checks of a whole training: leak tests, and the spread of the skill over combinatorial folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.training.data.history import SymbolRows
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.splits import Fold
from autopilot.training.model.fit import FitSettings, fit_classes
from autopilot.training.model.scoring import base_rates, loss_skill, row_log_loss

SHUFFLED_SKILL = 0.005
"""The log-loss skill that a model of shuffled labels may reach by chance."""


@dataclass(frozen=True, slots=True)
class LeakTest:
    """The outcome of one proof that no row knows the future, with its numbers. A failed one blocks promotion."""

    name: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CombinatorialPaths:
    """Quantiles of the classifier's log-loss skill over the folds of a combinatorial purged cross-validation."""

    count: int
    skill_p05: float
    skill_p50: float
    skill_p95: float
    share_above_zero: float


@dataclass(frozen=True, slots=True, eq=False)
class FoldLoss:
    """The log-loss of the classifier and of the base rates on the ``n`` tested rows of one fold, float64[n]."""

    at_ms: IntArray
    model: FloatArray
    base: FloatArray

    @property
    def skill(self) -> float:
        return 1.0 - float(self.model.sum() / self.base.sum())


def class_losses(
    data: TrainingSet, classes: IntArray, folds: Sequence[Fold], settings: FitSettings
) -> tuple[FoldLoss, ...]:
    """The losses of the classifier on each fold, trained on its training rows. ``classes`` int64[n] are the labels."""
    return tuple(_class_loss(data, classes, fold, settings) for fold in folds)


def _class_loss(data: TrainingSet, classes: IntArray, fold: Fold, settings: FitSettings) -> FoldLoss:
    kinds = NO_GROUP + 1
    booster = fit_classes(data.features[fold.train], classes[fold.train], settings)
    predicted = np.asarray(booster.predict(data.features[fold.test], num_threads=1)).reshape(-1, kinds)
    base = np.tile(base_rates(classes[fold.train], kinds), (len(fold.test), 1))
    tested = classes[fold.test]
    return FoldLoss(data.at_ms[fold.test], row_log_loss(predicted, tested), row_log_loss(base, tested))


def shuffled(classes: IntArray, seed: int) -> IntArray:
    """The labels in random order."""
    return np.random.default_rng(seed).permutation(classes)


def summarize(losses: Sequence[FoldLoss]) -> CombinatorialPaths | None:
    """Quantiles of the skill; None without folds."""
    if not losses:
        return None
    skills = np.array([loss.skill for loss in losses])
    low, middle, high = np.quantile(skills, [0.05, 0.5, 0.95]).tolist()
    return CombinatorialPaths(len(skills), low, middle, high, float((skills > 0.0).mean()))


def shuffled_test(losses: Sequence[FoldLoss]) -> LeakTest:
    """Passed unless the lower bound of the skill on shuffled labels is above ``SHUFFLED_SKILL``."""
    if not losses:
        return LeakTest("shuffled labels", True, "no folds to try it on")
    columns = ((loss.at_ms, loss.model, loss.base) for loss in losses)
    at_ms, model, base = (np.concatenate(column) for column in zip(*columns, strict=True))
    skill = loss_skill(at_ms, model, base, level=0.90)
    return LeakTest(
        "shuffled labels",
        skill.lower <= SHUFFLED_SKILL,
        f"log-loss skill {100 * skill.point:+.2f} %, lower 95 % bound {100 * skill.lower:+.2f} %",
    )


def prefix_test(rows: Sequence[SymbolRows]) -> LeakTest:
    """Passed if rows computed again from the candles that a live cycle sees are the same."""
    probes = [each.prefix for each in rows]
    return LeakTest(
        "prefix invariance, served window",
        all(probe.passed for probe in probes),
        f"{sum(probe.rows for probe in probes)} rows again from 1,000 candles: largest difference "
        f"{max((probe.largest for probe in probes), default=0.0):.2g}, "
        f"{sum(probe.signals for probe in probes)} signals differ",
    )


def planted_test(rows: Sequence[SymbolRows]) -> LeakTest:
    """Passed if the comparison of `prefix_test` catches a feature that looks one candle ahead."""
    tried = [each.prefix for each in rows if each.prefix.rows]
    caught = sum(probe.caught for probe in tried)
    return LeakTest("planted future feature", caught == len(tried), f"caught on {caught} of {len(tried)} symbols")


def purge_test(data: TrainingSet, folds: Sequence[Fold]) -> LeakTest:
    """Passed if every training row had matured before its test block began."""
    late = sum(int((data.matured_ms[fold.train] > data.at_ms[fold.test].min()).sum()) for fold in folds)
    return LeakTest("matured before tested", late == 0, f"{late} rows too late in {len(folds)} blocks")
