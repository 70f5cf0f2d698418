"""Fitting: small, strongly regularized boosters on bootstraps of calendar blocks. Deterministic to the byte."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.lean_imports import held_back
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.model.ensemble import Ensemble, Heads, RawScores, class_scores

with held_back():
    import lightgbm as lgb

SMALL_TRAINING = 1000
"""Number of samples below which the trees are smaller."""
_DENSE = {"is_enable_sparse": False}
"""The layout of a dataset in memory. Trees are the same with sparse columns, which LightGBM copies for each tree: a
sixth of the time. It is not among the parameters of the booster, so that the model's text is the same too."""
Gradients = Callable[[FloatArray, lgb.Dataset], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True)
class FitSettings:
    """Chosen on real candles (docs/learning.md). ``rounds`` is fixed, because early stopping varied from 1 to 231."""

    members: int = 8
    rounds: int = 30
    rate: float = 0.06
    leaves: int = 15
    leaves_when_small: int = 7
    feature_fraction: float = 0.2
    l2: float = 10.0
    min_in_leaf: int = 20
    bins: int = 63
    seed: int = 1


def fit(data: TrainingSet, rows: IntArray, settings: FitSettings) -> Ensemble:
    """An ensemble trained on ``rows`` (at least one) of ``data``."""
    bags = Bags(data, rows, settings)
    members = range(settings.members)
    return Ensemble(
        tuple(bags.groups(member) for member in members),
        tuple(bags.strategies(member) for member in members),
        fit_classes(data.features[rows], data.classes[rows], settings),
    )


def fit_member(data: TrainingSet, rows: IntArray, settings: FitSettings, member: int) -> tuple[Heads, Heads]:
    """The group heads and the strategy heads of one member, as `fit` trains them."""
    bags = Bags(data, rows, settings)
    return bags.groups(member), bags.strategies(member)


def fit_and_score(data: TrainingSet, rows: IntArray, inputs: FloatArray, settings: FitSettings) -> RawScores:
    """The scores of ``inputs`` float64[n, k] by an ensemble like that of `fit`. Each booster is dropped after its
    scores, because together they need much memory."""
    bags, members = Bags(data, rows, settings), range(settings.members)
    classes = fit_classes(data.features[rows], data.classes[rows], settings)
    return RawScores(
        np.stack([bags.groups(member).predict(inputs) for member in members]),
        np.stack([bags.strategies(member).predict(inputs) for member in members]),
        class_scores(classes, inputs),
    )


def fit_classes(features: FloatArray, classes: IntArray, settings: FitSettings) -> lgb.Booster:
    """The classifier of the group that earns most, with one more class for samples without a gain. It is not bagged,
    because nothing counts its votes."""
    kinds = NO_GROUP + 1
    dataset = _dataset(features, settings).set_label(classes.astype(np.float64))
    parameters = _parameters(settings, len(classes), 0) | {"objective": "multiclass", "num_class": kinds}
    return lgb.train(parameters, dataset, settings.rounds, keep_training_booster=True)


class Bags:
    """The bootstrap sample of each member from ``rows`` (at least one) of ``data``, and the heads trained on it."""

    def __init__(self, data: TrainingSet, rows: IntArray, settings: FitSettings) -> None:
        self._data, self._rows, self._settings = data, rows, settings
        self._weights = block_bootstrap(data.at_ms[rows], members=settings.members, seed=settings.seed)
        self._dataset = _dataset(data.features[rows], settings)
        self._drawn: dict[int, lgb.Dataset] = {}

    def groups(self, member: int) -> Heads:
        """The group heads of a member."""
        return self._heads(self._data.targets(self._data.group_returns)[self._rows], member)

    def strategies(self, member: int, wanted: IntArray | None = None) -> Heads:
        """The strategy heads of a member. With ``wanted`` (columns) only these heads are trained, and have the same
        trees as without it; the others are constants."""
        targets = self._data.targets(self._data.returns)[self._rows]
        if wanted is not None:
            unwanted = np.setdiff1d(np.arange(targets.shape[1]), wanted)
            targets[:, unwanted] = np.nan
        return self._heads(targets, member)

    def _heads(self, targets: FloatArray, member: int) -> Heads:
        """Heads for ``targets`` float64[n, j], NaN without a label. A head without any label is not trained."""
        weight, settings = self._weights[member], self._settings
        drawn = np.flatnonzero(weight)
        known = np.isfinite(targets[drawn])
        wanted = np.where(known, targets[drawn], 0.0)
        worth = known * weight[drawn, None].astype(np.float64)
        offset = (worth * wanted).sum(axis=0) / np.maximum(worth.sum(axis=0), 1.0)
        parameters = _parameters(settings, len(drawn), member) | {
            "objective": _squared_error(wanted - offset, worth),
            "num_class": targets.shape[1],
        }
        if member not in self._drawn:
            self._drawn[member] = self._dataset.subset(drawn.tolist())
        booster = lgb.train(parameters, self._drawn[member], settings.rounds, keep_training_booster=True)
        return Heads(booster, offset)


def _squared_error(wanted: FloatArray, worth: FloatArray) -> Gradients:
    """The gradients of each head by itself. A row without a label has weight 0."""
    # LightGBM has the scores of one head after those of another, and arrays in this order are not copied.
    wanted, worth = np.asfortranarray(wanted), np.asfortranarray(worth)

    def gradients(predicted: FloatArray, _: lgb.Dataset) -> tuple[FloatArray, FloatArray]:
        return (predicted.reshape(wanted.shape) - wanted) * worth, worth

    return gradients


def _dataset(features: FloatArray, settings: FitSettings) -> lgb.Dataset:
    parameters = {
        "max_bin": settings.bins,
        "verbosity": -1,
        "num_threads": 1,
        "feature_pre_filter": False,
        "bin_construct_sample_cnt": 5000,
    }
    # LightGBM demands a label here. Each head has its own, in its objective.
    dataset = lgb.Dataset(features, label=np.zeros(len(features)), params=parameters | _DENSE).construct()
    dataset.params = parameters
    return dataset


def _parameters(settings: FitSettings, rows: int, member: int) -> dict[str, Any]:
    return {
        "learning_rate": settings.rate,
        "num_leaves": settings.leaves if rows >= SMALL_TRAINING else settings.leaves_when_small,
        "feature_fraction": settings.feature_fraction,
        "lambda_l2": settings.l2,
        "min_data_in_leaf": settings.min_in_leaf,
        "max_bin": settings.bins,
        "feature_pre_filter": False,
        "seed": settings.seed * 1000 + member,
        "deterministic": True,
        "force_col_wise": True,
        # Two threads on a busy machine are ten times slower than one.
        "num_threads": 1,
        "verbosity": -1,
    }


BOOTSTRAP_BLOCK_MS = 15 * DAY_MS


def block_bootstrap(at_ms: IntArray, *, members: int, block_ms: int = BOOTSTRAP_BLOCK_MS, seed: int) -> IntArray:
    """How often each row is drawn for each member: int64[members, n].

    Blocks of calendar time, all symbols of a block together, are drawn with replacement, as many as there are blocks
    with rows. Rows that are close in time depend on each other, so drawing single rows would overstate how much is
    known. Source: the non-overlapping block bootstrap of Carlstein (1986), Annals of Statistics 14.
    """
    _, block = np.unique(at_ms // block_ms, return_inverse=True)
    blocks = int(block.max()) + 1 if len(at_ms) else 0
    random = np.random.default_rng(seed)
    drawn = [np.bincount(random.integers(blocks, size=blocks), minlength=blocks) for _ in range(members) if blocks]
    return np.array([counts[block] for counts in drawn], dtype=np.int64).reshape(members, len(at_ms))
