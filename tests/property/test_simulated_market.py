"""A candle of the simulated market depends on nothing but the seed, its symbol, its timeframe and its time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.adapters.exchange.offline_markets.simulated import SimulatedTape
from autopilot.adapters.exchange.offline_markets.simulated_market import ASSETS, BLOCK
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

START_MS = 1_704_067_200_000

symbols = st.sampled_from([f"{base}/USD" for base in ASSETS])
timeframes = st.sampled_from(list(Timeframe))
places = st.integers(-2 * BLOCK, 2 * BLOCK)


def same(one: Candles, other: Candles) -> bool:
    names = ("open_at_ms", "open", "high", "low", "close", "volume")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@settings(max_examples=40)
@given(st.integers(0, 2**32 - 1), symbols, timeframes, places, st.integers(1, 3000), st.integers(0, 500))
def test_however_it_is_read_a_candle_is_the_same(
    seed: int, symbol: str, timeframe: Timeframe, place: int, length: int, extra: int
) -> None:
    until_ms = START_MS + place * timeframe.ms
    short = SimulatedTape(seed, symbol, timeframe, START_MS, None).load(None, until_ms, length)
    tape = SimulatedTape(seed, symbol, timeframe, START_MS, None)
    tape.load(None, until_ms + extra * timeframe.ms, length + 2 * extra)
    long = tape.load(None, until_ms, length)
    assert len(short) == length
    assert short.faults() == []
    assert same(short, long)
    assert same(short, tape.load(int(short.open_at_ms[0]), until_ms, length + 1))


@settings(max_examples=20)
@given(st.integers(0, 100), symbols, timeframes, places)
def test_walking_meets_every_candle_once(seed: int, symbol: str, timeframe: Timeframe, place: int) -> None:
    tape = SimulatedTape(seed, symbol, timeframe, START_MS, None)
    at_ms: int | None = START_MS + place * timeframe.ms
    walked = []
    for _ in range(200):
        assert at_ms is not None
        at_ms = tape.next_from(at_ms)
        assert at_ms is not None
        walked.append(at_ms)
        at_ms += 1
    assert walked == tape.load(walked[0], walked[-1], 10_000).open_at_ms.tolist()


@given(st.integers(0, 100))
@settings(max_examples=5)
def test_seeds_symbols_and_timeframes_make_different_markets(seed: int) -> None:
    def returns(seed: int, symbol: str, timeframe: Timeframe) -> np.ndarray:
        return np.diff(np.log(SimulatedTape(seed, symbol, timeframe, 0, None).load(None, START_MS, 500).close))

    mine = returns(seed, "BTC/USD", Timeframe.H1)
    others = (returns(seed + 1, "BTC/USD", Timeframe.H1), returns(seed, "BTC/USD", Timeframe.H4))
    for other in others:
        assert abs(np.corrcoef(mine, other)[0, 1]) < 0.3
