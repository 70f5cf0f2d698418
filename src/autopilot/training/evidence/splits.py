"""Splits in time for the rows of many symbols. They are purged by time, not by row, because the symbols share moments.

Row i was decided at ``at_ms[i]``; its label is known from ``matured_ms[i]`` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np

from autopilot.domain.candles import BoolArray, IntArray
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, iso_utc


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row indices of training and test rows, ascending; ``name`` describes the tested period."""

    name: str
    train: IntArray
    test: IntArray


def walk_forward(
    at_ms: IntArray,
    matured_ms: IntArray,
    *,
    block_ms: int = 30 * DAY_MS,
    first_ms: int | None = None,
    purge_ms: int = 0,
    min_train: int = 1,
) -> tuple[Fold, ...]:
    """Expanding windows: the training rows of a block had matured at least ``purge_ms`` before it began.

    The first block begins ``first_ms`` (default: one block) after the first row. Blocks without rows, or with fewer
    than ``min_train`` training rows, are left out.
    """
    folds = []
    if not len(at_ms):
        return ()
    begin = int(at_ms[0]) + (block_ms if first_ms is None else first_ms)
    for start in range(begin, int(at_ms[-1]) + 1, block_ms):
        test = np.flatnonzero((at_ms >= start) & (at_ms < start + block_ms))
        train = np.flatnonzero(matured_ms + purge_ms <= start)
        if len(test) and len(train) >= min_train:
            folds.append(Fold(f"{iso_utc(start)[:10]} to {iso_utc(start + block_ms)[:10]}", train, test))
    return tuple(folds)


def combinatorial(
    at_ms: IntArray, matured_ms: IntArray, *, groups: int = 8, tested: int = 2, embargo_ms: int = 48 * HOUR_MS
) -> tuple[Fold, ...]:
    """Combinatorial purged cross-validation: every choice of ``tested`` of ``groups`` equally long spans is tested, and
    the other spans are trained on. Training rows are left out if their [at_ms, matured_ms] overlaps a tested span, the
    embargo after it or the period of its labels. A choice without training or test rows is left out.

    Source: López de Prado (2018), Advances in Financial Machine Learning, chapter 12.
    """
    if not len(at_ms):
        return ()
    edges = np.linspace(int(at_ms[0]), int(at_ms[-1]) + 1, groups + 1).astype(np.int64)
    span = np.searchsorted(edges, at_ms, side="right") - 1
    met = []
    for each, (start, end) in enumerate(pairwise(edges.tolist())):
        last = int(matured_ms[span == each].max(initial=end + embargo_ms - 1))
        met.append((matured_ms >= start) & (at_ms <= last))
    folds = [_combined(span, met, chosen) for chosen in combinations(range(groups), tested)]
    return tuple(fold for fold in folds if len(fold.train) and len(fold.test))


def _combined(span: IntArray, met: Sequence[BoolArray], chosen: tuple[int, ...]) -> Fold:
    near = np.any([met[each] for each in chosen], axis=0)
    tested = np.isin(span, chosen)
    name = "spans " + ", ".join(str(each + 1) for each in chosen)
    return Fold(name, np.flatnonzero(~near & ~tested), np.flatnonzero(tested))
