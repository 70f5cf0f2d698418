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
from autopilot.training.model.ensemble import Ensemble, Heads

with held_back():
    import lightgbm as lgb

SMALL_TRAINING = 1000
"""Number of samples below which the trees are smaller."""
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
    dataset = _dataset(data.features[rows], settings)
    members = [_member(data, rows, dataset, settings, member) for member in range(settings.members)]
    return Ensemble(
        tuple(groups for groups, _ in members),
        tuple(strategies for _, strategies in members),
        fit_classes(data.features[rows], data.classes[rows], settings),
    )


def fit_member(data: TrainingSet, rows: IntArray, settings: FitSettings, member: int) -> tuple[Heads, Heads]:
    """The group heads and the strategy heads of one member, as `fit` trains them."""
    return _member(data, rows, _dataset(data.features[rows], settings), settings, member)


def _member(
    data: TrainingSet, rows: IntArray, dataset: lgb.Dataset, settings: FitSettings, member: int
) -> tuple[Heads, Heads]:
    weight = block_bootstrap(data.at_ms[rows], members=settings.members, seed=settings.seed)[member]
    groups, strategies = data.targets(data.group_returns)[rows], data.targets(data.returns)[rows]
    return _heads(dataset, groups, weight, settings, member), _heads(dataset, strategies, weight, settings, member)


def fit_classes(features: FloatArray, classes: IntArray, settings: FitSettings) -> lgb.Booster:
    """The classifier of the group that earns most, with one more class for samples without a gain. It is not bagged,
    because nothing counts its votes."""
    kinds = NO_GROUP + 1
    dataset = _dataset(features, settings)
    dataset.set_label(classes.astype(np.float64))
    parameters = _parameters(settings, len(classes), 0) | {"objective": "multiclass", "num_class": kinds}
    return lgb.train(parameters, dataset, settings.rounds)


def _heads(dataset: lgb.Dataset, targets: FloatArray, weight: IntArray, settings: FitSettings, member: int) -> Heads:
    """Heads for ``targets`` float64[n, j], NaN without a label; ``weight`` int64[n]: how often a row is drawn."""
    drawn = np.flatnonzero(weight)
    known = np.isfinite(targets[drawn])
    wanted = np.where(known, targets[drawn], 0.0)
    worth = known * weight[drawn, None].astype(np.float64)
    offset = (worth * wanted).sum(axis=0) / np.maximum(worth.sum(axis=0), 1.0)
    parameters = _parameters(settings, len(drawn), member) | {
        "objective": _squared_error(wanted - offset, worth),
        "num_class": targets.shape[1],
    }
    booster = lgb.train(parameters, dataset.subset(drawn.tolist()), settings.rounds)
    return Heads(booster, offset)


def _squared_error(wanted: FloatArray, worth: FloatArray) -> Gradients:
    """The gradients of each head by itself. A row without a label has weight 0."""

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
    return lgb.Dataset(features, label=np.zeros(len(features)), params=parameters, free_raw_data=False)


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
