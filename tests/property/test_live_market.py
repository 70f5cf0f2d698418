"""Candle after candle, the market and the strategies are what the whole window says, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moody_market import moods, moody_market

from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.moment import LIFE
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.strategies.base import Strategy, suits
from autopilot.strategies.contract import FIELDS
from autopilot.strategies.live import LiveMarket
from autopilot.strategies.registry import StrategySet, builtin_strategies
from autopilot.strategies.sentiment_based.consensus import Consensus
from autopilot.strategies.trend_following.macd import Macd
from autopilot.strategies.trend_following.moving_average import MovingAverage

BUILTIN = StrategySet(builtin_strategies())
REAL = ["KRAKEN_BTC-USD_1h.csv.gz", "BINANCE_ADA-USDT_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz"]
KEPT_CANDLES = 60
"""Of the arrays that go with a reading, the entries compared: samples need 36 of them."""


@dataclass
class Run:
    """A market read live, each reading compared with that of its window."""

    candles: Candles
    reference: Candles | None
    sentiment: SentimentSeries | None
    strategies: StrategySet = BUILTIN
    live: LiveMarket = field(init=False)

    def __post_init__(self) -> None:
        self.live = LiveMarket(MarketAnalyzer(), self.strategies)

    def view(self, end: int) -> MarketView:
        window = self.candles[max(end - WINDOW, 0) : end]
        reference = None if self.reference is None else self.reference.until(window.last_at_ms)[-WINDOW:]
        return market_view("X/USD", window, reference, self.sentiment)

    def read(self, ends: Iterable[int], *, compared: Callable[[int], bool] = lambda _: True) -> int:
        """Read the windows that end before these candles; the number evaluated as a whole."""
        before = self.live.wholes
        for end in ends:
            view = self.view(end)
            conditions, evaluation = self.live.read(view)
            if not compared(end):
                continue
            alone = self.view(end)
            whole = self.strategies.evaluate(alone)
            assert_same_conditions(conditions, MarketAnalyzer().analyze(alone))
            assert evaluation.signals == whole.signals
            assert list(evaluation.signals) == list(evaluation.arrays) == list(whole.signals)
            assert (evaluation.errors, evaluation.left_out) == (whole.errors, whole.left_out)
            for name, arrays in whole.arrays.items():
                assert evaluation.explained(name) == whole.explained(name)
                for column in FIELDS:
                    kept = getattr(evaluation.arrays[name], column)[-KEPT_CANDLES:]
                    np.testing.assert_array_equal(kept, getattr(arrays, column)[-KEPT_CANDLES:], f"{name} {column}")
            for column in ("codes", "strength", "candles_in_regime", "previous"):
                kept, expected = (getattr(each.regimes, column)[-KEPT_CANDLES:] for each in (view, alone))
                np.testing.assert_array_equal(kept, expected)
        return self.live.wholes - before


def assert_same_conditions(found: MarketConditions, expected: MarketConditions) -> None:
    for each in fields(MarketConditions):
        if each.name != "features":
            assert getattr(found, each.name) == getattr(expected, each.name), each.name
    assert found.features.names == expected.features.names
    np.testing.assert_array_equal(found.features.values, expected.features.values)


def moody_run(seed: int, strategies: StrategySet = BUILTIN) -> Run:
    candles, reference = moody_market(seed)
    return Run(candles, reference, moods(candles, seed), strategies)


@given(seed=st.integers(0, 2**32 - 1), start=st.integers(WINDOW, 3000))
@settings(max_examples=5, deadline=None)
def test_candle_after_candle(seed: int, start: int) -> None:
    assert moody_run(seed).read(range(start, start + 20)) == 1


@pytest.mark.parametrize("name", REAL)
def test_candle_after_candle_of_real_markets(real_candles: Callable[[str], Candles], name: str) -> None:
    candles = real_candles(name)[-6000:]
    run = Run(candles, real_candles(REAL[0]), moods(candles, 1))
    assert run.read(range(WINDOW + 3000, WINDOW + 3025)) == 1


@pytest.mark.parametrize(("with_reference", "with_moods"), [(True, False), (False, True), (False, False)])
def test_without_external_series(with_reference: bool, with_moods: bool) -> None:
    run = moody_run(5)
    run.reference, run.sentiment = run.reference if with_reference else None, run.sentiment if with_moods else None
    assert run.read(range(1500, 1520)) == 1


def test_candles_left_out_and_candles_again() -> None:
    run = moody_run(6)
    assert run.read([1500, 1501, 1504, 1505, 1505, 1506, 1400, 1401]) == 4


def test_a_long_life_begins_again() -> None:
    run = moody_run(7)
    ends = range(1200, 1200 + LIFE + 5)
    assert run.read(ends, compared=lambda end: end % 50 == 0 or end > ends.stop - 8) == 2


def test_a_revised_candle_and_a_revised_reference() -> None:
    run = moody_run(8)
    assert run.read(range(1500, 1505)) == 1
    for column in ("candles", "reference"):
        series = getattr(run, column)
        at = int(np.searchsorted(series.open_at_ms, run.candles.open_at_ms[1490]))
        close = series.close.copy()
        close[at] = (series.high[at] + series.low[at]) / 2
        setattr(run, column, replace(series, close=close))
        end = 1505 if column == "candles" else 1508
        assert run.read(range(end, end + 3)) == 1


def test_sentiment_that_begins_and_a_reference_that_ends() -> None:
    run = moody_run(9)
    moods_then, run.sentiment = run.sentiment, None
    assert run.read(range(1500, 1503)) == 1
    run.sentiment = moods_then
    assert run.read(range(1503, 1506)) == 1
    run.reference = None
    assert run.read(range(1506, 1509)) == 1


def test_a_short_window_is_evaluated_as_a_whole() -> None:
    run = moody_run(10)
    assert run.read([800, 801, WINDOW - 1, WINDOW, WINDOW + 1, WINDOW + 2]) == 4


@dataclass(frozen=True)
class Mine(Strategy):
    """A user's own, on whole arrays. It fails while the market is ``fails_at``."""

    name: str = "mine"  # type: ignore[misc]
    group = StrategyGroup.MOMENTUM
    regime_fit = suits(trending_up=1.0, trending_down=0.0, ranging=0.0, volatile=0.0, quiet=0.0)
    fails_at: int = -1

    def signals(self, view: MarketView) -> SignalArrays:
        if view.candles.last_at_ms == self.fails_at:
            raise ValueError("no idea")
        rising = view.indicators.roc(3) > 0
        arrays = SignalArrays.neutral(len(rising))
        return replace(arrays, side=rising.astype(np.int8), strength=rising * 0.5, confidence=rising * 0.6)

    def explain(self, view: MarketView, index: int) -> str:
        return f"{view.indicators.roc(3)[index]:.4f}"


def test_a_strategy_of_ones_own_stands_beside_the_others_and_fails_alone() -> None:
    run = moody_run(11)
    mine = Mine(fails_at=int(run.candles.open_at_ms[1504]))
    singles = builtin_strategies()[:-1]
    composite = replace(Consensus((*singles, mine)), memory=3)
    run = moody_run(11, StrategySet((mine, *singles, composite)))
    assert run.read(range(1500, 1510)) == 1


def test_voters_that_are_not_in_the_set() -> None:
    voters = (Macd(), MovingAverage(fast=10, slow=60))
    run = moody_run(12, StrategySet((Consensus(voters, entry=0.4, quorum=1), voters[0])))
    assert run.read(range(1500, 1530)) == 1


@dataclass(frozen=True)
class Fragile(Macd):
    """A rule that fails at one candle only if it is asked there alone."""

    name = "fragile"
    fails_at: int = -1

    def words(self, at: object) -> str:
        raise ValueError("no words")


def test_a_rule_that_fails_is_named_as_by_the_whole_window() -> None:
    run = moody_run(13, StrategySet((Fragile(), MovingAverage())))
    evaluations = [run.live.read(run.view(end))[1] for end in range(1500, 1600)]
    assert any(each.errors for each in evaluations)
    assert run.read(range(1600, 1640)) >= 1


@dataclass(frozen=True)
class OnlyOverSeries(Macd):
    """A rule that cannot be asked at one candle."""

    name = "only_over_series"

    def side_at(self, moment: object) -> float:
        raise TypeError("one candle is not enough")


def test_a_rule_that_cannot_be_asked_at_one_candle_is_asked_over_the_window() -> None:
    run = moody_run(14, StrategySet((OnlyOverSeries(), MovingAverage())))
    assert run.read(range(1500, 1504)) == 4
