"""Every fault that a collection of candles was seen to have is found, and sound candles have none."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autopilot.domain.candle_faults import find_faults, shifted_by, stamped_at_close
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


@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_a_shift_against_another_source_is_told(random_candles: Random, shift: int) -> None:
    candles = random_candles(10, 300)
    other = candles[50:250]
    found = shifted_by(candles.open_at_ms + shift * HOUR, candles.close, other.open_at_ms, other.close * 1.00001, H)
    assert found == shift


def test_without_enough_in_common_no_shift_is_claimed(random_candles: Random) -> None:
    candles = random_candles(11, 100)
    assert shifted_by(candles.open_at_ms + HOUR, candles.close, candles.open_at_ms[:5], candles.close[:5], H) == 0
    flat = np.full(100, 5.0)
    assert shifted_by(candles.open_at_ms, flat, candles.open_at_ms, flat, H) == 0
