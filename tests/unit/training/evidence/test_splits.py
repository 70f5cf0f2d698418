"""No fold knows the future, whatever the rows are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.training.evidence.splits import combinatorial, walk_forward
from autopilot.training.model.fit import BOOTSTRAP_BLOCK_MS, block_bootstrap

Rows = tuple[np.ndarray, np.ndarray]


@st.composite
def panels(draw: st.DrawFn) -> Rows:
    """Rows of several symbols: many share a moment, and each matures when it likes."""
    hours = draw(st.lists(st.integers(0, 24 * 300), min_size=1, max_size=150))
    at_ms = np.sort(np.array(hours, dtype=np.int64)) * HOUR_MS + 17 * DAY_MS
    spans = draw(st.lists(st.integers(1, 24 * 9), min_size=len(hours), max_size=len(hours)))
    return at_ms, at_ms + np.array(spans, dtype=np.int64) * HOUR_MS


@given(panels(), st.integers(1, 60), st.integers(0, 48))
def test_walking_forward_trains_on_what_had_matured_and_tests_each_row_once(
    rows: Rows, block_days: int, purge_hours: int
) -> None:
    at_ms, matured_ms = rows
    block_ms, purge_ms = block_days * DAY_MS, purge_hours * HOUR_MS
    folds = walk_forward(at_ms, matured_ms, block_ms=block_ms, purge_ms=purge_ms)
    tested = [row for fold in folds for row in fold.test.tolist()]
    assert len(tested) == len(set(tested))
    for fold in folds:
        start = at_ms[0] + ((at_ms[fold.test[0]] - at_ms[0]) // block_ms) * block_ms
        assert (matured_ms[fold.train] + purge_ms <= start).all()
        assert (at_ms[fold.test] >= start).all()
        assert (at_ms[fold.test] < start + block_ms).all()
        assert set(np.flatnonzero(matured_ms + purge_ms <= start)) == set(fold.train.tolist())
    late = np.flatnonzero(at_ms >= at_ms[0] + block_ms)
    known = (matured_ms + purge_ms).min()
    assert {row for row in late.tolist() if _start(at_ms, row, block_ms) >= known} == set(tested)


def _start(at_ms: np.ndarray, row: int, block_ms: int) -> int:
    return int(at_ms[0] + (at_ms[row] - at_ms[0]) // block_ms * block_ms)


@given(panels())
def test_combinations_keep_every_training_row_away_from_every_tested_span(rows: Rows) -> None:
    at_ms, matured_ms = rows
    embargo_ms = 48 * HOUR_MS
    edges = np.linspace(at_ms[0], at_ms[-1] + 1, 9).astype(np.int64)
    for fold in combinatorial(at_ms, matured_ms, embargo_ms=embargo_ms):
        assert not set(fold.train) & set(fold.test)
        spans = {int(np.searchsorted(edges, at_ms[row], side="right") - 1) for row in fold.test}
        for row in fold.train:
            for span in spans:
                ends_before = matured_ms[row] < edges[span]
                begins_after = at_ms[row] >= edges[span + 1] + embargo_ms
                assert ends_before or begins_after


def test_every_row_is_tested_in_a_quarter_of_the_combinations() -> None:
    at_ms = np.arange(800, dtype=np.int64) * DAY_MS
    folds = combinatorial(at_ms, at_ms + DAY_MS)
    assert len(folds) == 28
    assert np.bincount(np.concatenate([fold.test for fold in folds])).tolist() == [7] * 800


def test_rows_of_the_same_moment_do_not_leak_where_purging_by_rows_would() -> None:
    """Ten symbols, daily: purging three rows would leave seven of the day before, whose outcomes are not known."""
    at_ms = np.repeat(np.arange(60, dtype=np.int64) * DAY_MS, 10)
    matured_ms = at_ms + 2 * DAY_MS
    (fold, *_) = walk_forward(at_ms, matured_ms, block_ms=30 * DAY_MS)
    assert at_ms[fold.test].min() == 30 * DAY_MS
    assert at_ms[fold.train].max() == 28 * DAY_MS


@pytest.mark.parametrize("split", [walk_forward, combinatorial])
def test_nothing_gives_no_folds(split: object) -> None:
    empty = np.empty(0, dtype=np.int64)
    assert callable(split)
    assert split(empty, empty) == ()


def test_a_bootstrap_draws_whole_blocks_of_all_symbols_together() -> None:
    at_ms = np.sort(np.random.default_rng(1).integers(0, 400, size=900)) * DAY_MS
    weights = block_bootstrap(at_ms, members=8, seed=3)
    block = at_ms // BOOTSTRAP_BLOCK_MS
    for member in weights:
        for each in np.unique(block):
            assert len(set(member[block == each].tolist())) == 1
        drawn = sum(int(member[block == each][0]) for each in np.unique(block))
        assert drawn == len(np.unique(block))
    assert len({member.tobytes() for member in weights}) == 8
    np.testing.assert_array_equal(weights, block_bootstrap(at_ms, members=8, seed=3))
    assert not np.array_equal(weights, block_bootstrap(at_ms, members=8, seed=4))


def test_a_bootstrap_of_one_block_is_that_block() -> None:
    assert block_bootstrap(np.zeros(3, dtype=np.int64), members=2, seed=1).tolist() == [[1, 1, 1]] * 2
    assert block_bootstrap(np.empty(0, dtype=np.int64), members=2, seed=1).shape == (2, 0)
