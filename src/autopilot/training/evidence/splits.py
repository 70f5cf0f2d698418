"""Splits in time, for rows of many symbols: purged by time, never by rows, for rows of one moment are side by side.

Row i was decided at ``at_ms[i]``, and its label is known from ``matured_ms[i]`` on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, iso_utc


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row indices to train on and to test on, ascending; ``name`` says what is tested."""

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
    least_train: int = 1,
) -> tuple[Fold, ...]:
    """Expanding: each block is tested on what had matured, and ``purge_ms`` had passed, before it began.

    Blocks are counted from ``first_ms`` (default one block) after the first row; those without rows, or with fewer than
    ``least_train`` rows to train on, are left out.
    """
    folds = []
    if not len(at_ms):
        return ()
    begin = int(at_ms[0]) + (block_ms if first_ms is None else first_ms)
    for start in range(begin, int(at_ms[-1]) + 1, block_ms):
        test = np.flatnonzero((at_ms >= start) & (at_ms < start + block_ms))
        train = np.flatnonzero(matured_ms + purge_ms <= start)
        if len(test) and len(train) >= least_train:
            folds.append(Fold(f"{iso_utc(start)[:10]} to {iso_utc(start + block_ms)[:10]}", train, test))
    return tuple(folds)


def combinatorial(
    at_ms: IntArray, matured_ms: IntArray, *, groups: int = 8, tested: int = 2, embargo_ms: int = 48 * HOUR_MS
) -> tuple[Fold, ...]:
    """Combinatorial purged cross-validation: every choice of ``tested`` of ``groups`` equally long spans is tested on
    the rest, without the rows whose [at_ms, matured_ms] meets a tested span, the embargo after it or what its labels
    were made of. A choice that leaves nothing to train on or to test is left out.

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


def _combined(span: IntArray, met: Sequence[NDArray[np.bool_]], chosen: tuple[int, ...]) -> Fold:
    near = np.any([met[each] for each in chosen], axis=0)
    tested = np.isin(span, chosen)
    name = "spans " + ", ".join(str(each + 1) for each in chosen)
    return Fold(name, np.flatnonzero(~near & ~tested), np.flatnonzero(tested))
