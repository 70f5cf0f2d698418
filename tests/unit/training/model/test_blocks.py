"""Bootstraps of calendar blocks: what is drawn together, how often, and that the draw is the same again."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import DAY_MS
from autopilot.training.model.fit import BOOTSTRAP_BLOCK_MS, block_bootstrap

DAYS = st.lists(st.integers(0, 200), min_size=1, max_size=50).map(sorted)
SEEDS = st.integers(0, 2**32 - 1)


@given(DAYS, SEEDS)
def test_whole_blocks_are_drawn_as_many_as_there_are(days: list[int], seed: int) -> None:
    at_ms = np.array(days, dtype=np.int64) * DAY_MS
    drawn = block_bootstrap(at_ms, members=6, seed=seed)
    assert drawn.shape == (6, len(days))
    assert drawn.dtype == np.int64
    block = at_ms // BOOTSTRAP_BLOCK_MS
    first = np.unique(block, return_index=True)[1]
    for member in drawn:
        of_block = dict(zip(block[first].tolist(), member[first].tolist(), strict=True))
        assert member.tolist() == [of_block[each] for each in block.tolist()]
        assert sum(of_block.values()) == len(of_block)
        assert member.any()


@given(arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 300)), SEEDS)
def test_the_order_of_the_rows_does_not_matter(days: IntArray, seed: int) -> None:
    at_ms = days * DAY_MS
    order = np.random.default_rng(seed).permutation(len(at_ms))
    drawn = block_bootstrap(at_ms, members=4, seed=seed)
    assert (block_bootstrap(at_ms[order], members=4, seed=seed) == drawn[:, order]).all()


@given(DAYS, SEEDS)
def test_more_members_leave_the_first_as_they_were(days: list[int], seed: int) -> None:
    at_ms = np.array(days, dtype=np.int64) * DAY_MS
    few, many = (block_bootstrap(at_ms, members=members, seed=seed) for members in (3, 9))
    assert (many[:3] == few).all()


def test_seeds_and_members_differ() -> None:
    at_ms = np.arange(300, dtype=np.int64) * DAY_MS
    one, other = (block_bootstrap(at_ms, members=8, seed=seed) for seed in (1, 2))
    assert (one != other).any()
    assert len(np.unique(one, axis=0)) == 8


def test_each_block_is_drawn_once_on_average_and_missed_as_often_as_chance_says() -> None:
    blocks = 20
    at_ms = np.arange(blocks, dtype=np.int64) * BOOTSTRAP_BLOCK_MS
    drawn = block_bootstrap(at_ms, members=4000, seed=7)
    assert np.abs(drawn.mean(axis=0) - 1.0).max() < 0.08
    assert abs((drawn == 0).mean() - (1 - 1 / blocks) ** blocks) < 0.01


def test_a_gap_in_the_calendar_is_no_block() -> None:
    at_ms = np.array([0, 1, 100, 101], dtype=np.int64) * BOOTSTRAP_BLOCK_MS
    assert (block_bootstrap(at_ms, members=50, seed=3).sum(axis=1) == 4).all()


def test_one_block_is_every_members() -> None:
    at_ms = np.arange(10, dtype=np.int64) * DAY_MS
    assert (block_bootstrap(at_ms, members=3, seed=1) == 1).all()


def test_no_rows() -> None:
    assert block_bootstrap(np.empty(0, dtype=np.int64), members=3, seed=1).shape == (3, 0)
