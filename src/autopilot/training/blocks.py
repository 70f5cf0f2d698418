"""Bootstrap of calendar blocks."""

from __future__ import annotations

import numpy as np

from autopilot.domain.candles import IntArray
from autopilot.domain.timeframe import DAY_MS

BLOCK_MS = 15 * DAY_MS


def block_bootstrap(at_ms: IntArray, *, members: int, block_ms: int = BLOCK_MS, seed: int) -> IntArray:
    """How often each row is drawn for each member: int64[members, n].

    Blocks of calendar time, all symbols of a block together, are drawn with replacement, as many as there are blocks
    with rows: neighbours in time share their weather, and rows drawn one by one would pretend to know more than they
    do. Source: the non-overlapping block bootstrap of Carlstein (1986), Annals of Statistics 14.
    """
    _, block = np.unique(at_ms // block_ms, return_inverse=True)
    blocks = int(block.max()) + 1 if len(at_ms) else 0
    random = np.random.default_rng(seed)
    drawn = [np.bincount(random.integers(blocks, size=blocks), minlength=blocks) for _ in range(members) if blocks]
    return np.array([counts[block] for counts in drawn], dtype=np.int64).reshape(members, len(at_ms))
