"""A surrogate keeps what a market is like and forgets which way it goes."""

from __future__ import annotations

import numpy as np
import pytest

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.training.data.series import SymbolData
from autopilot.training.data.surrogate import surrogate


def trending(length: int, seed: int, start_ms: int = 0) -> Candles:
    """A market whose hours follow each other: a move tends to go on, and upwards."""
    random = np.random.default_rng(seed)
    moves = np.empty(length)
    last = 0.0
    for at in range(length):
        last = moves[at] = 0.0005 + 0.6 * last + random.normal(0.0, 0.004)
    close = 100.0 * np.exp(np.cumsum(moves))
    opened = np.concatenate([[100.0], close[:-1]]) * np.exp(random.normal(0.0, 0.001, length))
    high = np.maximum(opened, close) * np.exp(np.abs(random.normal(0.0, 0.002, length)))
    low = np.minimum(opened, close) * np.exp(-np.abs(random.normal(0.0, 0.002, length)))
    at_ms = start_ms + np.arange(length, dtype=np.int64) * HOUR_MS
    return Candles.from_arrays(Timeframe.H1, at_ms, opened, high, low, close, random.uniform(1, 9, length))


def history(candles: Candles, reference: Candles | None = None) -> SymbolData:
    return SymbolData("BTC/USD", candles, reference, None, (), 0)


def moves(candles: Candles) -> np.ndarray:
    return np.diff(candles.close) / candles.close[:-1]


def ranges(candles: Candles) -> np.ndarray:
    return (candles.high - candles.low)[1:] / candles.close[:-1]


@pytest.fixture
def market() -> Candles:
    return trending(4000, 1)


def test_it_is_a_market_with_the_same_sizes_of_everything(market: Candles) -> None:
    made = surrogate(history(market), 1).candles
    assert list(made.faults()) == []
    np.testing.assert_allclose(np.abs(moves(made)), np.abs(moves(market)), rtol=1e-9)
    np.testing.assert_allclose(ranges(made), ranges(market), rtol=1e-9)
    np.testing.assert_array_equal(made.volume, market.volume)
    np.testing.assert_array_equal(made.open_at_ms, market.open_at_ms)


def test_what_the_past_says_of_the_direction_is_gone(market: Candles) -> None:
    def follows(candles: Candles) -> float:
        return float(np.corrcoef(moves(candles)[:-1], moves(candles)[1:])[0, 1])

    assert follows(market) > 0.5
    assert max(abs(follows(surrogate(history(market), seed).candles)) for seed in range(1, 6)) < 0.08


def test_nothing_is_earned_by_holding_however_wild_the_market_was(market: Candles) -> None:
    wild = Candles(market.timeframe, market.open_at_ms, *(each**5 / 1e8 for each in prices(market)), market.volume)
    drift = [float(moves(surrogate(history(wild), seed).candles).mean()) for seed in range(150)]
    error = float(np.std(drift) / np.sqrt(len(drift)))
    assert abs(np.mean(drift)) < 3.0 * error
    assert np.var(moves(wild)) / 2.0 > 6.0 * error, "mirrored logarithms would be seen to drift by this"


def test_a_candle_that_more_than_doubled_leaves_a_price() -> None:
    at_ms = np.arange(3, dtype=np.int64) * HOUR_MS
    before, after = np.array([100.0, 100.0, 350.0]), np.array([100.0, 350.0, 360.0])
    leap = Candles(Timeframe.H1, at_ms, before, after, before, after, np.ones(3))
    for seed in range(20):
        assert (surrogate(history(leap), seed).candles.low > 0.0).all()


def prices(candles: Candles) -> tuple[np.ndarray, ...]:
    return candles.open, candles.high, candles.low, candles.close


def test_symbols_turn_together_and_seeds_apart(market: Candles) -> None:
    other = trending(3000, 2, start_ms=1000 * HOUR_MS)
    made = surrogate(history(market, other), 1)
    assert made.reference
    own, theirs = moves(made.candles)[1000:] / moves(market)[1000:], moves(made.reference) / moves(other)
    np.testing.assert_allclose(own, theirs)
    again = surrogate(history(market), 2).candles
    assert 0.4 < np.mean(np.sign(moves(again)) == np.sign(moves(made.candles))) < 0.6


def test_nothing_makes_nothing() -> None:
    assert len(surrogate(history(Candles.empty(Timeframe.H1)), 1).candles) == 0
