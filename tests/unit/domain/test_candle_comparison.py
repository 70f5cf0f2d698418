"""What only a second source shows is found, counted as a plain loop counts it, and not seen where there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.domain.candle_comparison import compared, shifted_by
from autopilot.domain.candles import Candles, FaultKind
from autopilot.domain.timeframe import HOUR_MS, Timeframe

H = Timeframe.H1
Random = Callable[..., Candles]


def scaled(candles: Candles, factor: np.ndarray | float) -> Candles:
    return Candles(
        candles.timeframe,
        candles.open_at_ms,
        *(column * factor for column in (candles.open, candles.high, candles.low, candles.close)),
        candles.volume,
    )


def moved(candles: Candles, by: int) -> Candles:
    return replace(candles, open_at_ms=candles.open_at_ms + by * HOUR_MS)


def picked(candles: Candles, places: np.ndarray) -> Candles:
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return Candles(candles.timeframe, *(getattr(candles, name)[places] for name in names))


def another_exchange(candles: Candles, seed: int = 5) -> Candles:
    """The same market with the differences that exchanges have: some bps, and another volume."""
    noise = np.exp(np.random.default_rng(seed).normal(0.0, 0.0005, len(candles)))
    return replace(scaled(candles, noise), volume=candles.volume * 2.0)


def test_the_same_market_elsewhere_has_no_fault(random_candles: Random) -> None:
    candles = random_candles(1, 1_000)
    found = compared(candles, another_exchange(candles), 100.0)
    assert found.faults == ()
    assert (found.common, found.missing_here, found.missing_there, found.apart) == (1_000, 0, 0, 0)
    assert found.volume_ratio == pytest.approx(0.5)
    assert found.correlation is not None
    assert found.correlation > 0.9


@given(
    here=st.sets(st.integers(0, 30)),
    there=st.sets(st.integers(0, 30)),
    wrong=st.dictionaries(st.integers(0, 30), st.sampled_from([0.9, 0.99, 1.005, 1.02, 1.5]), max_size=8),
)
@settings(max_examples=150)
def test_it_counts_as_a_plain_loop_does(
    random_candles: Random, here: set[int], there: set[int], wrong: dict[int, float]
) -> None:
    whole = random_candles(2, 31)
    factors = np.array([wrong.get(at, 1.0) for at in range(31)])
    ours = picked(scaled(whole, factors), np.array(sorted(here), dtype=np.int64))
    theirs = picked(whole, np.array(sorted(there), dtype=np.int64))
    found = compared(ours, theirs, 100.0)
    first, last = (max(min(here), min(there)), min(max(here), max(there))) if here and there else (1, 0)
    both = sorted(here & there)
    assert found.common == len(both)
    lacking = sorted(at for at in there - here if first <= at <= last)
    assert found.missing_here == len(lacking)
    assert found.first_missing_here_ms == (int(whole.open_at_ms[lacking[0]]) if lacking else None)
    assert found.missing_there == len([at for at in here - there if first <= at <= last])
    apart = [at for at in both if abs(wrong.get(at, 1.0) - 1.0) * 10_000 > 100.0]
    assert found.apart == len(apart)
    worst = max((abs(wrong.get(at, 1.0) - 1.0) * 10_000 for at in both), default=None)
    assert found.worst_bps == (None if worst is None else pytest.approx(worst, abs=1e-6))


@pytest.mark.parametrize("shift", [-1, 0, 1])
@pytest.mark.parametrize("length", [14, 300])
def test_a_shift_against_another_source_is_told(random_candles: Random, shift: int, length: int) -> None:
    candles = random_candles(10, length)
    other = another_exchange(candles)
    assert shifted_by(moved(candles, shift), other) == shift
    faults = compared(moved(candles, shift), other, 100.0).faults
    assert [fault.kind for fault in faults] == [FaultKind.STAMPED_AT_CLOSE] * abs(shift)


def test_without_enough_in_common_no_shift_is_claimed(random_candles: Random) -> None:
    candles = random_candles(11, 100)
    assert shifted_by(moved(candles, 1), candles[:5]) == 0
    flat = replace(candles, close=np.full(100, 5.0))
    assert shifted_by(moved(flat, 1), flat) == 0
    assert shifted_by(candles, random_candles(12, 100)) == 0


def test_another_market_under_the_same_symbol_is_told_from_where_it_begins(random_candles: Random) -> None:
    candles = random_candles(13, 500)
    split = np.where(np.arange(500) >= 200, 0.1, 1.0)
    (fault,) = compared(scaled(candles, split), another_exchange(candles), 100.0).faults
    assert (fault.kind, fault.count) == (FaultKind.OTHER_MARKET, 300)
    assert fault.first_at_ms == candles.open_at_ms[200]
    assert "0.1" in fault.words


def test_a_wrong_close_is_apart_and_no_other_market(random_candles: Random) -> None:
    candles = random_candles(14, 500)
    wrong = np.where(np.arange(500) == 77, 1.3, 1.0)
    (fault,) = compared(scaled(candles, wrong), candles, 100.0).faults
    assert (fault.kind, fault.count, fault.first_at_ms) == (FaultKind.APART, 1, candles.open_at_ms[77])
    assert "worst 3,000 bps" in fault.words


def test_nothing_in_common_is_no_fault(random_candles: Random) -> None:
    candles = random_candles(15, 50)
    for other in (Candles.empty(H), moved(candles, 1_000)):
        found = compared(candles, other, 100.0)
        assert (found.common, found.missing_here, found.faults, found.median_bps) == (0, 0, (), None)


@pytest.mark.parametrize(
    ("here", "there", "expected"),
    [
        pytest.param("KRAKEN_BTC-USD_1h", "BITSTAMP_BTC-USD_1h", {FaultKind.APART: 10}, id="the same market"),
        pytest.param("BITSTAMP_BTC-USD_1h", "COINBASE_BTC-USD_1h", {FaultKind.APART: 15}, id="the same market again"),
        pytest.param("KRAKEN_BTC-USD_1h", "BINANCE_ETH-USDT_1h", {FaultKind.OTHER_MARKET: 47_071}, id="another coin"),
    ],
)
def test_real_exchanges(
    real_candles: Callable[[str], Candles], here: str, there: str, expected: dict[FaultKind, int]
) -> None:
    ours, theirs = real_candles(f"{here}.csv.gz"), real_candles(f"{there}.csv.gz")
    assert {fault.kind: fault.count for fault in compared(ours, theirs, 100.0).faults} == expected
    if FaultKind.APART in expected:
        for shift in (-1, 1):
            assert shifted_by(moved(ours, shift), theirs) == shift
