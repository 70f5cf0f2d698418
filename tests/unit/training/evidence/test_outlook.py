"""The outlook beside what the sampler and the walk themselves make of such a history."""

from __future__ import annotations

import numpy as np
import pytest

from autopilot.domain.timeframe import DAY_MS, HOUR_MS
from autopilot.training.data.history import sample_candles
from autopilot.training.evidence.gate import MIN_DAYS, MIN_DECISIONS
from autopilot.training.evidence.outlook import advice, days_needed, fewest_days, outlook, prospects, symbols_needed
from autopilot.training.evidence.splits import walk_forward
from autopilot.training.evidence.walk import MAX_BLOCKS, MIN_TRAIN, WALK_BLOCK_MS


def shown(days: int, symbols: int, change_hours: int) -> tuple[int, int]:
    """(decisions, days) of the walk over hourly candles whose regime changes every so many hours."""
    open_at_ms = np.arange(days * 24, dtype=np.int64) * HOUR_MS
    regimes = (np.arange(days * 24) // change_hours % 5).astype(np.int8)
    chosen = sample_candles(open_at_ms, regimes, 0, days * 24 - 24)
    at_ms = np.sort(np.tile(open_at_ms[chosen], symbols))
    block_ms = max(WALK_BLOCK_MS, -(-int(at_ms[-1] - at_ms[0]) // MAX_BLOCKS))
    folds = walk_forward(at_ms, at_ms + DAY_MS, block_ms=block_ms, min_train=MIN_TRAIN)
    tested = np.concatenate([fold.test for fold in folds]) if folds else np.empty(0, dtype=np.int64)
    return len(tested), len(np.unique(at_ms[tested] // DAY_MS))


@pytest.mark.parametrize("days", [40, 90, 200, 365, 730, 1500])
@pytest.mark.parametrize("symbols", [1, 2, 6, 16])
@pytest.mark.parametrize("change_hours", [24, 60, 10_000_000])
def test_what_a_walk_makes_of_it_lies_between_least_and_most(days: int, symbols: int, change_hours: int) -> None:
    decisions, on_days = shown(days, symbols, change_hours)
    found = outlook(days, symbols)
    slack = 3 * symbols
    assert found.least.decisions - slack <= decisions <= found.most.decisions + slack
    assert found.least.days - 3 <= on_days <= found.most.days + 3


def test_the_default_request_can_never_pass_and_what_is_advised_can() -> None:
    assert not outlook(90, 2).most.is_enough
    assert not outlook(90, 500).most.is_enough
    for symbols in (1, 2, 6, 33):
        days = days_needed(symbols)
        assert outlook(days, symbols).least.is_enough
        assert not outlook(days - 1, symbols).least.is_enough
        decisions, on_days = shown(days + 3, symbols, 10_000_000)
        assert (decisions >= MIN_DECISIONS, on_days >= MIN_DAYS) == (True, True)
    days = fewest_days()
    symbols = symbols_needed(days)
    assert outlook(days, symbols).least.is_enough
    assert not outlook(days, symbols - 1).least.is_enough
    assert not outlook(days - 1, 500).least.is_enough


@pytest.mark.parametrize(
    ("days", "symbols", "said", "advised"),
    [
        (
            90,
            2,
            "90 days of 2 symbols give at most 118 on 59 days: this model cannot pass",
            ["1078 with", "391 with 6"],
        ),
        (730, 1, "730 days of 1 symbol give", ["2155 with the same number", "730 with 3"]),
        (700, 2, "649 on 324 days to 1,298 on 649 days: perhaps too few", ["1078 with", "700 with 4"]),
        (60, 40, "give at most", ["391 with the same number"]),
        (730, 6, "730 days of 6 symbols give at least 2,030 on 338 days", []),
    ],
)
def test_it_says_what_the_gate_will_need_and_how_to_get_there(
    days: int, symbols: int, said: str, advised: list[str]
) -> None:
    words = prospects(days, symbols)
    assert words.startswith("the gate requires at least 1,000 decisions out of sample on 180 days; ")
    assert said in words
    found = advice(days, symbols)
    assert bool(found) is bool(advised)
    assert found.count("--days") == len(advised)
    assert all(f"--days {each}" in found for each in advised)
