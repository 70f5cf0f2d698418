"""A long series is computed in chunks, whose size changes nothing."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.sparse_signals import SparseSignals
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.training.data import series as of_series
from autopilot.training.data.series import SymbolData, SymbolSeries, chunks_of, symbol_series

STRATEGIES = StrategySet(builtin_strategies())
LENGTH = 6_000


def made(seed: int) -> Candles:
    random = np.random.default_rng(seed)
    close = 20_000.0 * np.exp(np.cumsum(random.normal(0.0, 0.006, LENGTH)))
    opened = np.concatenate([[20_000.0], close[:-1]])
    high = np.maximum(opened, close) * (1.0 + np.abs(random.normal(0.0, 0.003, LENGTH)))
    low = np.minimum(opened, close) * (1.0 - np.abs(random.normal(0.0, 0.003, LENGTH)))
    at_ms = np.arange(LENGTH, dtype=np.int64) * Timeframe.H1.ms
    return Candles.from_arrays(Timeframe.H1, at_ms, opened, high, low, close, random.uniform(10.0, 50.0, LENGTH))


@pytest.fixture(scope="module")
def history() -> SymbolData:
    reference = made(2)
    days = np.arange(LENGTH // 24)
    sentiment = SentimentSeries("made up", days * DAY_MS, 50.0 + 45.0 * np.sin(days / 9.0))
    return SymbolData("ETH/USD", made(1), reference, sentiment, (), 0)


@pytest.fixture(scope="module")
def whole(history: SymbolData) -> SymbolSeries:
    assert len(chunks_of(LENGTH)) == 1
    return symbol_series(history, STRATEGIES, TradingCost(0.0015), 1_000)


@given(length=st.integers(1, 200_000))
def test_every_candle_is_in_one_chunk_with_enough_candles_before_it(length: int) -> None:
    chunks = chunks_of(length)
    assert (chunks[0].begin, chunks[-1].end) == (0, length)
    assert all(one.end == after.begin for one, after in pairwise(chunks))
    assert all(each.begin - each.first == min(each.begin, of_series.BEFORE) for each in chunks)
    assert all(each.begin < each.end <= each.begin + of_series.CHUNK + of_series.BEFORE for each in chunks)


def test_chunks_give_the_same_numbers_to_the_last_digit(
    history: SymbolData, whole: SymbolSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_series, "CHUNK", 900)
    assert len(chunks_of(LENGTH)) > 2
    found = symbol_series(history, STRATEGIES, TradingCost(0.0015), 1_000)
    for field in fields(SparseSignals):
        np.testing.assert_array_equal(getattr(found.signals, field.name), getattr(whole.signals, field.name))
    for name in ("regimes", "rule_group", "rule_confidence"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    at = np.arange(1_500, LENGTH, 7)
    np.testing.assert_array_equal(found.inputs(at), whole.inputs(at))
    for one, other in zip(found.records.totals, whole.records.totals, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_thousand_candles_before_a_chunk_give_the_same_decisions(
    history: SymbolData, whole: SymbolSeries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_series, "CHUNK", 900)
    monkeypatch.setattr(of_series, "BEFORE", 1_000)
    found = symbol_series(history, STRATEGIES, TradingCost(0.0015), 1_000)
    for name in ("begin", "at", "side"):
        np.testing.assert_array_equal(getattr(found.signals, name), getattr(whole.signals, name))
    np.testing.assert_array_equal(found.regimes, whole.regimes)
    np.testing.assert_allclose(found.signals.strength, whole.signals.strength, rtol=0.0, atol=1e-9)


def test_a_strategy_that_fails_in_one_chunk_has_no_signals(
    history: SymbolData, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = int(history.candles.open_at_ms[5_500])
    macd, rsi = STRATEGIES["macd"], STRATEGIES["rsi"]
    signals = type(macd).signals

    def failing(self: object, view: object) -> object:
        if view.candles.last_at_ms >= late:  # type: ignore[attr-defined]
            raise ValueError("no more")
        return signals(self, view)  # type: ignore[arg-type]

    monkeypatch.setattr(type(macd), "signals", failing)
    monkeypatch.setattr(of_series, "CHUNK", 900)
    found = symbol_series(replace(history, reference=None), StrategySet((macd, rsi)), TradingCost(0.0), 1_000)
    assert found.signals.begin.tolist()[:2] == [0, 0]
    assert found.signals.begin[2] > 0
