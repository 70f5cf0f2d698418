from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError, UnknownTimeframe
from autopilot.domain.timeframe import HOUR_MS, Timeframe, iso_utc

Row = list[float]


def rows(count: int, first: int = 0) -> list[Row]:
    return [[i * HOUR_MS, 10.0 + i, 12.0 + i, 9.0 + i, 11.0 + i, 5.0] for i in range(first, first + count)]


def spoiled(change: Callable[[list[Row]], None]) -> list[Row]:
    table = rows(5)
    change(table)
    return table


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.__setitem__(slice(1, 3), [t[2], t[1]]), "does not come after"),
        (lambda t: t.insert(2, list(t[1])), "does not come after"),
        (lambda t: t[2].__setitem__(4, math.nan), "missing or not finite"),
        (lambda t: t[2].__setitem__(4, math.inf), "missing or not finite"),
        (lambda t: t[2].__setitem__(3, -1.0), "a price at or below zero"),
        (lambda t: t[2].__setitem__(3, 0.0), "a price at or below zero"),
        (lambda t: t[2].__setitem__(2, 1.0), "high below"),
        (lambda t: t[2].__setitem__(3, 12.5), "low above"),
        (lambda t: t[2].__setitem__(5, -0.1), "volume"),
        (lambda t: t[2].__setitem__(5, math.nan), "missing or not finite"),
        (lambda t: t[2].__setitem__(0, t[2][0] + 1), "grid"),
    ],
)
def test_what_no_market_can_have_produced_is_refused(change: Callable[[list[Row]], None], words: str) -> None:
    with pytest.raises(CandleError, match=words) as refusal:
        Candles.from_rows(Timeframe.H1, spoiled(change))
    assert "1970-01-01 0" in str(refusal.value)
    assert refusal.value.hint


def test_no_candles_are_sound() -> None:
    assert len(Candles.from_rows(Timeframe.H1, [])) == 0
    with pytest.raises(CandleError):
        _ = Candles.empty(Timeframe.H1).last_at_ms


@given(cut=st.integers(0, 12), overlap=st.integers(0, 6))
def test_joining_two_stretches_gives_the_whole(cut: int, overlap: int) -> None:
    whole = Candles.from_rows(Timeframe.H1, rows(12))
    joined = whole[:cut].followed_by(whole[max(0, cut - overlap) :])
    assert np.array_equal(joined.open_at_ms, whole.open_at_ms)
    assert np.array_equal(joined.close, whole.close)


def test_of_an_overlap_the_later_word_counts() -> None:
    revised = rows(2, first=3)
    revised[0][4] = 14.5
    joined = Candles.from_rows(Timeframe.H1, rows(5)).followed_by(Candles.from_rows(Timeframe.H1, revised))
    assert joined.close.tolist() == [11.0, 12.0, 13.0, 14.5, 15.0]


def test_slices_by_time() -> None:
    candles = Candles.from_rows(Timeframe.H1, rows(5))
    assert candles.since(3 * HOUR_MS).open_at_ms.tolist() == [3 * HOUR_MS, 4 * HOUR_MS]
    assert candles.until(1 * HOUR_MS).open_at_ms.tolist() == [0, HOUR_MS]
    assert candles.candle(-1).close == 15.0


@pytest.mark.parametrize("text", ["2h", "", "1H", "60"])
def test_an_unknown_timeframe_names_the_known(text: str) -> None:
    with pytest.raises(UnknownTimeframe) as refusal:
        Timeframe.parse(text)
    assert "1m, 5m, 15m, 30m, 1h, 4h, 1d" in refusal.value.hint


def test_times_read_as_utc() -> None:
    assert iso_utc(1_700_000_000_000) == "2023-11-14T22:13:20Z"
    assert Timeframe.H4.floor(1_700_000_000_000) % Timeframe.H4.ms == 0
