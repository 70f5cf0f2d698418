"""Every fault that a collection of candles was seen to have is found, and sound candles have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autopilot.domain.candle_faults import damaged, find_faults, stamped_at_close
from autopilot.domain.candles import Candles, FaultKind, unusable
from autopilot.domain.timeframe import Timeframe

H = Timeframe.H1
HOUR = H.ms
Random = Callable[..., Candles]


def columns(candles: Candles) -> list[np.ndarray]:
    return [
        column.copy()
        for column in (candles.open_at_ms, candles.open, candles.high, candles.low, candles.close, candles.volume)
    ]


def kinds(parts: list[np.ndarray]) -> dict[FaultKind, int]:
    return {fault.kind: fault.count for fault in find_faults(*parts, H)}


@pytest.mark.parametrize("length", [0, 1, 2, 1_000])
def test_sound_candles_have_no_fault(random_candles: Random, length: int) -> None:
    assert find_faults(*columns(random_candles(1, 1_000)[:length]), H) == ()


def test_real_candles_of_a_liquid_market_have_gaps_at_most(real_candles: Callable[[str], Candles]) -> None:
    candles = real_candles("KRAKEN_BTC-USD_1h.csv.gz")
    (fault,) = find_faults(*columns(candles), H)
    assert (fault.kind, fault.count) == (FaultKind.GAP, 10_856)
    assert "3,254 gaps" in fault.words
    assert "longest 56" in fault.words


def spoil(column: int, row: int, value: float) -> Callable[[list[np.ndarray]], None]:
    def change(parts: list[np.ndarray]) -> None:
        parts[column][row] = value

    return change


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(spoil(1, 7, np.nan), FaultKind.NOT_FINITE, id="open NaN"),
        pytest.param(spoil(5, 7, np.inf), FaultKind.NOT_FINITE, id="volume infinite"),
        pytest.param(spoil(2, 7, 0.5), FaultKind.IMPOSSIBLE, id="high below the others"),
        pytest.param(spoil(3, 7, 1e9), FaultKind.IMPOSSIBLE, id="low above the others"),
        pytest.param(spoil(4, 7, 0.0), FaultKind.IMPOSSIBLE, id="close zero"),
        pytest.param(spoil(5, 7, -1.0), FaultKind.NEGATIVE_VOLUME, id="volume below zero"),
    ],
)
def test_a_spoiled_candle_is_found_once_and_only_it_is_unusable(
    random_candles: Random, change: Callable[[list[np.ndarray]], None], expected: FaultKind
) -> None:
    parts = columns(random_candles(2, 50))
    change(parts)
    (fault,) = find_faults(*parts, H)
    assert (fault.kind, fault.count, fault.first_at_ms) == (expected, 1, parts[0][7])
    assert {kind: np.flatnonzero(mask).tolist() for kind, mask in unusable(*parts, H).items() if mask.any()} == {
        expected: [7]
    }


def test_a_candle_wrong_in_every_way_counts_once(random_candles: Random) -> None:
    parts = columns(random_candles(3, 50))
    parts[0][9] += 1
    parts[2][9], parts[5][9] = np.nan, -1.0
    masks = unusable(*parts, H)
    assert sum(int(mask.sum()) for mask in masks.values()) == 1
    assert masks[FaultKind.NOT_FINITE][9]


def test_disorder_duplicates_and_the_grid(random_candles: Random) -> None:
    parts = columns(random_candles(4, 50))
    parts = [column[np.r_[0:10, 20, 10:20, 20:50]] for column in parts]
    assert kinds(parts) == {FaultKind.UNSORTED: 10, FaultKind.DUPLICATE: 1}
    parts = columns(random_candles(4, 50))
    parts[0][30] += 60_000
    assert kinds(parts)[FaultKind.OFF_GRID] == 1


def test_a_gap_counts_absent_candles_and_names_the_longest(random_candles: Random) -> None:
    candles = random_candles(5, 100)
    kept = np.r_[0:10, 12:40, 47:100]
    parts = [column[kept] for column in columns(candles)]
    (fault,) = find_faults(*parts, H)
    assert (fault.kind, fault.count, fault.first_at_ms) == (FaultKind.GAP, 9, candles.open_at_ms[10])
    assert "2 gaps" in fault.words
    assert "longest 7" in fault.words


def test_a_dump_filled_with_invented_candles_is_found_and_a_silent_night_is_not(random_candles: Random) -> None:
    parts = columns(random_candles(6, 1_000))
    parts[5][101:124] = 0.0
    assert kinds(parts) == {}
    parts[5][:] = np.where(np.arange(1_000) % 50 == 0, parts[5], 0.0)
    assert kinds(parts) == {FaultKind.NO_VOLUME: 980}
    (fault,) = find_faults(*parts, H)
    assert "98.0 %" in fault.words


def test_a_repeated_block_is_found_where_it_was_pasted(random_candles: Random) -> None:
    candles = random_candles(7, 6_000)
    parts = columns(candles)
    for column in parts[1:]:
        column[3_000:5_649] = column[200:2_849]
    (fault,) = find_faults(*parts, H)
    assert (fault.kind, fault.count) == (FaultKind.REPEATED, 2_649)
    assert fault.first_at_ms == candles.open_at_ms[3_000]


def test_a_feed_that_is_stuck_repeats_and_a_few_equal_candles_do_not(random_candles: Random) -> None:
    parts = columns(random_candles(8, 500))
    for column in parts[1:]:
        column[100:105] = column[99]
    assert kinds(parts) == {}
    for column in parts[1:]:
        column[100:200] = column[99]
    assert kinds(parts) == {FaultKind.REPEATED: 100}


@pytest.mark.parametrize("before", [1, 1_000])
def test_closing_times_off_the_grid_are_one_fault_not_one_a_candle(random_candles: Random, before: int) -> None:
    parts = columns(random_candles(9, 50))
    parts[0] += HOUR - before
    assert stamped_at_close(parts[0], H)
    assert kinds(parts) == {FaultKind.STAMPED_AT_CLOSE: 50}


def test_opening_times_are_not_closing_times(random_candles: Random) -> None:
    times = random_candles(9, 50).open_at_ms
    assert not stamped_at_close(times, H)
    assert not stamped_at_close(times + 60_000, H)
    assert not stamped_at_close(times[:0], H)


def test_a_market_that_is_mostly_filled_up_is_found_without_long_stretches(random_candles: Random) -> None:
    parts = columns(random_candles(12, 600))
    parts[5][np.arange(600) % 5 > 0] = 0.0
    (fault,) = find_faults(*parts, H)
    assert (fault.kind, fault.count) == (FaultKind.NO_VOLUME, 480)
    assert "480 of 600 candles (80.0 %) are without volume" in fault.words


def test_what_is_damaged_is_what_the_faults_count(random_candles: Random) -> None:
    parts = columns(random_candles(13, 900))
    for column in parts[1:]:
        column[300:340] = column[299]
        column[600:650] = column[100:150]
    parts[5][700:730] = 0.0
    parts[2][820] = 0.5
    candles = Candles(H, *parts)
    expected = {*range(300, 340), *range(600, 650), *range(700, 730), 820}
    assert set(np.flatnonzero(damaged(candles)).tolist()) == expected
    by_kind = kinds(parts)
    assert by_kind == {FaultKind.IMPOSSIBLE: 1, FaultKind.NO_VOLUME: 30, FaultKind.REPEATED: 90}
    assert not damaged(random_candles(13, 900)).any()
    assert not len(damaged(Candles.empty(H)))
