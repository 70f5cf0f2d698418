"""Walk-forward: a model that was trained only on the data before a block of time scores this block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.splits import Fold, walk_forward
from autopilot.training.model.ensemble import RawScores
from autopilot.training.model.fit import FitSettings, fit_and_score
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.model.scoring import base_rates

WALK_BLOCK_MS = 30 * DAY_MS
MAX_BLOCKS = 14
"""A long history has longer blocks instead of more, so that a training takes about a minute."""
MIN_TRAIN = 30


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """``n`` samples, scored by models that were not trained on them. ``rows`` int64[n]: index into the training set;
    ``base`` float64[n, g + 1]: the class shares of the training rows; ``novel`` bool[n]; ``block`` int64[n]: the fold.
    """

    rows: IntArray
    raw: RawScores
    base: FloatArray
    novel: BoolArray
    block: IntArray

    def __len__(self) -> int:
        return len(self.rows)


def walk_folds(data: TrainingSet, purge_ms: int) -> tuple[Fold, ...]:
    """Folds of 30 days, or longer if there would be more than ``MAX_BLOCKS``."""
    if not len(data):
        return ()
    span_ms = int(data.at_ms[-1] - data.at_ms[0])
    block_ms = max(WALK_BLOCK_MS, -(-span_ms // MAX_BLOCKS))
    return walk_forward(data.at_ms, data.matured_ms, block_ms=block_ms, purge_ms=purge_ms, min_train=MIN_TRAIN)


def score_fold(data: TrainingSet, fold: Fold, settings: FitSettings) -> OutOfFold:
    """Train on the past of the fold, and score its block."""
    return out_of_fold(data, fold, fit_and_score(data, fold.train, data.features[fold.test], settings))


def out_of_fold(data: TrainingSet, fold: Fold, raw: RawScores) -> OutOfFold:
    """The block of the fold with its scores ``raw``."""
    tested = data.features[fold.test]
    base = base_rates(data.classes[fold.train], NO_GROUP + 1)
    return OutOfFold(
        rows=fold.test,
        raw=raw,
        base=np.tile(base, (len(tested), 1)),
        novel=TrainingRange.of(data.features[fold.train]).is_novel(tested),
        block=np.zeros(len(tested), dtype=np.int64),
    )


def of_rows(scored: OutOfFold, kept: BoolArray) -> OutOfFold:
    """The samples where ``kept`` bool[n] is true."""
    raw = scored.raw
    return OutOfFold(
        rows=scored.rows[kept],
        raw=RawScores(raw.groups[:, kept], raw.strategies[:, kept], raw.classes[kept]),
        base=scored.base[kept],
        novel=scored.novel[kept],
        block=scored.block[kept],
    )


def join_folds(scored: Sequence[OutOfFold]) -> OutOfFold:
    """All folds (at least one) as one, in their order."""
    return OutOfFold(
        rows=np.concatenate([each.rows for each in scored]),
        raw=RawScores(
            np.concatenate([each.raw.groups for each in scored], axis=1),
            np.concatenate([each.raw.strategies for each in scored], axis=1),
            np.concatenate([each.raw.classes for each in scored]),
        ),
        base=np.concatenate([each.base for each in scored]),
        novel=np.concatenate([each.novel for each in scored]),
        block=np.repeat(np.arange(len(scored)), [len(each) for each in scored]),
    )
