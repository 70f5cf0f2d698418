"""Longer candles equal those that a plain loop makes, to the last bit, and none is made of what may be missing."""

from __future__ import annotations

from collections.abc import Callable
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.domain import resampling
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Gap, GapReason, runs
from autopilot.domain.errors import CandleError
from autopilot.domain.resampling import resample
from autopilot.domain.timeframe import MINUTE_MS, Timeframe

M1 = Timeframe.M1
Row = tuple[float, ...]


def plain(candles: Candles, target: Timeframe, never: set[int]) -> tuple[list[Row], list[int]]:
    """Candle by candle. ``never``: open times of candles that are known not to exist."""
    stored = {int(at_ms): candles.candle(index) for index, at_ms in enumerate(candles.open_at_ms)}
    made: list[Row] = []
    refused: list[int] = []
    for bucket_ms in sorted({target.floor(at_ms) for at_ms in stored}):
        times = range(bucket_ms, bucket_ms + target.ms, candles.timeframe.ms)
        if any(at_ms not in stored and at_ms not in never for at_ms in times):
            refused.append(bucket_ms)
            continue
        parts = [stored[at_ms] for at_ms in times if at_ms in stored]
        volume = 0.0
        for part in parts:
            volume += part.volume
        high, low = max(part.high for part in parts), min(part.low for part in parts)
        made.append((bucket_ms, parts[0].open, high, low, parts[-1].close, volume))
    return made, refused


def rows(candles: Candles) -> list[Row]:
    return [tuple(candles.candle(index)) for index in range(len(candles))]


def without_places(candles: Candles, places: set[int]) -> Candles:
    kept = np.array([index not in places for index in range(len(candles))], dtype=np.bool_)
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.timeframe, *(getattr(candles, name)[kept] for name in names))


@given(
    first=st.integers(0, 90),
    length=st.integers(0, 200),
    missing=st.sets(st.integers(0, 199), max_size=25),
    known=st.sets(st.integers(0, 199), max_size=150),
    unsure=st.sets(st.integers(0, 199), max_size=10),
    target=st.sampled_from([Timeframe.M5, Timeframe.M15, Timeframe.H1]),
    at_once=st.sampled_from([1, 3, 4096]),
)
@settings(max_examples=200)
def test_it_equals_a_plain_loop(
    random_candles: Callable[..., Candles],
    first: int,
    length: int,
    missing: set[int],
    known: set[int],
    unsure: set[int],
    target: Timeframe,
    at_once: int,
) -> None:
    whole = random_candles(3, 300, timeframe=M1)[first : first + length]
    stored = without_places(whole, missing)
    never = {int(whole.open_at_ms[at]) for at in known - unsure if at < len(whole)}
    unsettled = {int(whole.open_at_ms[at]) for at in unsure if at < len(whole)}
    gaps = [Gap(span, GapReason.NO_TRADES, 2, None) for span in runs(sorted(never), MINUTE_MS)]
    gaps += [Gap(span, GapReason.NO_TRADES, 1, 5) for span in runs(sorted(unsettled), MINUTE_MS)]
    with patch.object(resampling, "AT_ONCE", at_once):
        found = resample(stored, target, gaps)
    expected, refused = plain(stored, target, never)
    assert rows(found.candles) == expected
    assert found.refused_ms.tolist() == refused
    assert found.candles.timeframe is target


@pytest.mark.parametrize("reason", GapReason)
def test_only_a_candle_that_never_existed_may_be_missing(
    random_candles: Callable[..., Candles], reason: GapReason
) -> None:
    whole = random_candles(4, 60, timeframe=M1)
    stored = without_places(whole, {17})
    gaps = [Gap(span, reason, 2, None) for span in runs([int(whole.open_at_ms[17])], MINUTE_MS)]
    found = resample(stored, Timeframe.H1, gaps)
    exists = reason in (GapReason.NO_TRADES, GapReason.OUTAGE)
    assert (len(found.candles), len(found.refused_ms)) == ((1, 0) if exists else (0, 1))


@pytest.mark.parametrize("target", [Timeframe.M1, Timeframe.M5])
def test_a_longer_timeframe_is_needed(random_candles: Callable[..., Candles], target: Timeframe) -> None:
    with pytest.raises(CandleError, match="cannot be made of 5m"):
        resample(random_candles(5, 10, timeframe=Timeframe.M5), target, [])


def test_real_minutes_make_the_hours_that_have_all_of_them(real_candles: Callable[[str], Candles]) -> None:
    minutes = real_candles("BINANCEUS_BTC-USDT_1m.csv.gz")[:10_000]
    found = resample(minutes, Timeframe.H4, [])
    expected, refused = plain(minutes, Timeframe.H4, set())
    assert rows(found.candles) == expected
    assert found.refused_ms.tolist() == refused
