"""Folds row by row against their definitions, purgedcv, and scikit-learn's gap, which counts rows."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from purgedcv import CombinatorialPurgedCV, WalkForwardSplit
from sklearn.model_selection import TimeSeriesSplit

from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.training.evidence.splits import Fold, combinatorial, walk_forward

BLOCK_MS = 10 * HOUR_MS


@st.composite
def panels(draw: st.DrawFn) -> tuple[IntArray, IntArray]:
    """Rows on a coarse grid of time, so that many share their moment and many fall on an edge; labels may be longer
    than any embargo tried."""
    hours = sorted(draw(st.lists(st.integers(0, 80), min_size=1, max_size=60)))
    spans = draw(st.lists(st.integers(1, 30), min_size=len(hours), max_size=len(hours)))
    begin = draw(st.integers(0, 10)) * DAY_MS
    at_ms = begin + np.array(hours, dtype=np.int64) * HOUR_MS
    return at_ms, at_ms + np.array(spans, dtype=np.int64) * HOUR_MS


def daily(days: int, matures_ms: int) -> tuple[IntArray, IntArray]:
    at_ms = np.arange(days, dtype=np.int64) * DAY_MS
    return at_ms, at_ms + matures_ms


def moments(times: IntArray) -> pd.Series:
    return pd.Series(pd.to_datetime(times, unit="ms"))


def rows(fold: Fold) -> tuple[list[int], list[int]]:
    return fold.train.tolist(), fold.test.tolist()


@given(panels(), st.integers(0, 5), st.none() | st.integers(0, 30), st.integers(1, 10))
def test_walk_forward_is_its_definition(
    panel: tuple[IntArray, IntArray], purge: int, first: int | None, least: int
) -> None:
    at_ms, matured_ms = panel
    first_ms = None if first is None else first * HOUR_MS
    folds = walk_forward(
        at_ms, matured_ms, block_ms=BLOCK_MS, first_ms=first_ms, purge_ms=purge * HOUR_MS, min_train=least
    )
    expected = []
    start = int(at_ms[0]) + (BLOCK_MS if first_ms is None else first_ms)
    while start <= at_ms[-1]:
        test = [row for row, at in enumerate(at_ms) if start <= at < start + BLOCK_MS]
        train = [row for row, matured in enumerate(matured_ms) if matured + purge * HOUR_MS <= start]
        if test and len(train) >= least:
            expected.append((train, test))
        start += BLOCK_MS
    assert [rows(fold) for fold in folds] == expected


@pytest.mark.parametrize("matures", [1, 2, 7])
def test_walk_forward_agrees_with_purgedcv(matures: int) -> None:
    at_ms, matured_ms = daily(240, matures * DAY_MS)
    splitter = WalkForwardSplit(
        n_splits=7, test_size=30, prediction_times=moments(at_ms), evaluation_times=moments(matured_ms)
    )
    theirs = [(train.tolist(), test.tolist()) for train, test in splitter.split(np.zeros((240, 1)))]
    assert [rows(fold) for fold in walk_forward(at_ms, matured_ms)] == theirs


def test_a_panel_that_a_purge_by_rows_lets_leak() -> None:
    symbols, matures = 20, 24
    at_ms = np.repeat(np.arange(0, 600, 8, dtype=np.int64) * HOUR_MS, symbols)
    matured_ms = at_ms + matures * HOUR_MS

    def late(train: IntArray, test: IntArray) -> int:
        return int((matured_ms[train] > at_ms[test].min()).sum())

    by_rows = TimeSeriesSplit(n_splits=4, gap=matures).split(at_ms)
    assert all(late(train, test) > 0 for train, test in by_rows)
    folds = walk_forward(at_ms, matured_ms, block_ms=120 * HOUR_MS)
    assert len(folds) == 4
    assert all(late(fold.train, fold.test) == 0 for fold in folds)


def test_folds_are_named_by_what_is_tested() -> None:
    at_ms, matured_ms = daily(60, DAY_MS)
    assert [fold.name for fold in walk_forward(at_ms, matured_ms)] == ["1970-01-31 to 1970-03-02"]
    assert combinatorial(at_ms, matured_ms)[-1].name == "spans 7, 8"


@given(panels(), st.sampled_from([(8, 2), (4, 1), (5, 3)]), st.integers(0, 48))
def test_no_label_trained_on_shares_time_with_one_tested(
    panel: tuple[IntArray, IntArray], choice: tuple[int, int], embargo: int
) -> None:
    at_ms, matured_ms = panel
    groups, tested = choice
    for fold in combinatorial(at_ms, matured_ms, groups=groups, tested=tested, embargo_ms=embargo * HOUR_MS):
        before = matured_ms[fold.train][:, None] < at_ms[fold.test]
        after = at_ms[fold.train][:, None] > matured_ms[fold.test]
        assert (before | after).all()


@given(panels(), st.integers(0, 48))
def test_combinatorial_is_its_definition(panel: tuple[IntArray, IntArray], embargo: int) -> None:
    at_ms, matured_ms = panel
    edges = [int(at_ms[0]) + (int(at_ms[-1]) + 1 - int(at_ms[0])) * each // 4 for each in range(5)]
    span = np.array([sum(at >= edge for edge in edges[1:]) for at in at_ms.tolist()])
    expected = []
    for chosen in combinations(range(4), 2):
        test = np.isin(span, chosen)
        keep = ~test
        for each in chosen:
            over = edges[each + 1] + embargo * HOUR_MS
            known = max(matured_ms[span == each].tolist(), default=0)
            keep &= (matured_ms < edges[each]) | ((at_ms >= over) & (at_ms > known))
        if test.any() and keep.any():
            expected.append((np.flatnonzero(keep).tolist(), np.flatnonzero(test).tolist()))
    assert [rows(fold) for fold in combinatorial(at_ms, matured_ms, groups=4, embargo_ms=embargo * HOUR_MS)] == expected


def test_combinatorial_agrees_with_purgedcv() -> None:
    # With rows a day apart its groups of rows are our spans; labels end off the grid, so that it is all the same
    # whether an interval holds its end.
    at_ms, matured_ms = daily(96, 2 * DAY_MS + HOUR_MS)
    splitter = CombinatorialPurgedCV(
        n_splits=8, n_test_groups=2, prediction_times=moments(at_ms), evaluation_times=moments(matured_ms)
    )
    theirs = [(train.tolist(), test.tolist()) for train, test in splitter.split(np.zeros((96, 1)))]
    assert [rows(fold) for fold in combinatorial(at_ms, matured_ms, embargo_ms=0)] == theirs


def test_the_embargo_follows_the_tested_span_and_does_not_precede_it() -> None:
    at_ms, matured_ms = daily(81, HOUR_MS)
    fold = combinatorial(at_ms, matured_ms, tested=1, embargo_ms=3 * DAY_MS)[3]
    assert fold.test.tolist() == list(range(30, 40))
    assert fold.train.tolist() == [*range(30), *range(43, 81)]


def test_one_moment_cannot_be_split() -> None:
    at_ms = np.full(5, DAY_MS, dtype=np.int64)
    assert walk_forward(at_ms, at_ms + DAY_MS) == ()
    assert combinatorial(at_ms, at_ms + DAY_MS) == ()
