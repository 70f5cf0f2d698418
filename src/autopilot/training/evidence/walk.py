"""Walking forward: each block of time is scored by a model that was trained only on what was known before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.data.training_set import NO_GROUP, TrainingSet
from autopilot.training.evidence.splits import Fold, walk_forward
from autopilot.training.model.ensemble import Ensemble, RawScores
from autopilot.training.model.fit import FitSettings, fit
from autopilot.training.model.novelty import TrainingRange
from autopilot.training.model.scoring import base_rates

BLOCK_MS = 30 * DAY_MS
MOST_BLOCKS = 14
"""A long history is walked in longer blocks, so that a training stays a matter of a minute."""
LEAST_TRAIN = 30


@dataclass(frozen=True, slots=True, eq=False)
class OutOfFold:
    """``n`` samples scored by models that never saw them. ``rows`` int64[n] into the training set; ``base`` float64[n,
    g + 1]: the class shares in each one's training rows; ``novel`` bool[n]; ``block`` int64[n]: the fold."""

    rows: IntArray
    raw: RawScores
    base: FloatArray
    novel: NDArray[np.bool_]
    block: IntArray

    def __len__(self) -> int:
        return len(self.rows)


def walk_folds(data: TrainingSet, purge_ms: int) -> tuple[Fold, ...]:
    """Blocks of 30 days, or longer ones where there would be too many. Half a block is the least to begin with."""
    if not len(data):
        return ()
    span_ms = int(data.at_ms[-1] - data.at_ms[0])
    block_ms = max(BLOCK_MS, -(-span_ms // MOST_BLOCKS))
    return walk_forward(data.at_ms, data.matured_ms, block_ms=block_ms, purge_ms=purge_ms, least_train=LEAST_TRAIN)


def score_fold(data: TrainingSet, fold: Fold, settings: FitSettings) -> OutOfFold:
    """Train on the fold's past, score its block."""
    return score(data, fold, fit(data, fold.train, settings))


def score(data: TrainingSet, fold: Fold, ensemble: Ensemble) -> OutOfFold:
    """The fold's block by an ensemble that was trained on its past."""
    tested = data.features[fold.test]
    base = base_rates(data.classes[fold.train], NO_GROUP + 1)
    return OutOfFold(
        rows=fold.test,
        raw=ensemble.predict(tested),
        base=np.tile(base, (len(tested), 1)),
        novel=TrainingRange.of(data.features[fold.train]).is_novel(tested),
        block=np.zeros(len(tested), dtype=np.int64),
    )


def join(scored: Sequence[OutOfFold]) -> OutOfFold:
    """All folds, in their order; at least one."""
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
