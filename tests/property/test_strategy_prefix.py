"""A strategy's last entry on a window of 1,000 candles is its entry on the whole series; no two say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moody_market import moods, moody_market
from numpy.random import Generator

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import Timeframe
from autopilot.strategies.base import Strategy
from autopilot.strategies.contract import FIELDS, faults
from autopilot.strategies.market_making.dca import Dca
from autopilot.strategies.market_making.market_making import MarketMaking
from autopilot.strategies.mean_reversion.bollinger_mean_reversion import BollingerMeanReversion
from autopilot.strategies.mean_reversion.divergence import Divergence
from autopilot.strategies.mean_reversion.grid import Grid
from autopilot.strategies.mean_reversion.rsi import Rsi
from autopilot.strategies.momentum.momentum import Momentum
from autopilot.strategies.momentum.volatility_breakout import VolatilityBreakout
from autopilot.strategies.registry import Evaluation, StrategySet, builtin_strategies
from autopilot.strategies.sentiment_based.pairs_trading import PairsTrading
from autopilot.strategies.sentiment_based.sentiment import Sentiment
from autopilot.strategies.trend_following.confirmed import Confirmed
from autopilot.strategies.trend_following.macd import Macd
from autopilot.strategies.trend_following.moving_average import MovingAverage

STRATEGIES = StrategySet(builtin_strategies())


def window_of(candles: Candles, reference: Candles, sentiment: SentimentSeries, end: int) -> MarketView:
    """What the live cycle would have been given at candle ``end - 1``."""
    window = candles[end - WINDOW : end]
    return market_view("X/USD", window, reference.until(window.last_at_ms)[-WINDOW:], sentiment)


def check_windows(candles: Candles, reference: Candles, sentiment: SentimentSeries, ends: list[int]) -> Evaluation:
    whole = STRATEGIES.evaluate(market_view("X/USD", candles, reference, sentiment))
    assert not whole.errors
    for end in ends:
        window = STRATEGIES.evaluate(window_of(candles, reference, sentiment, end))
        assert not window.errors
        for name in STRATEGIES.names:
            seen, expected = window.arrays[name], whole.arrays[name]
            assert seen.side[-1] == expected.side[end - 1], (name, end)
            for field in FIELDS[1:]:
                assert abs(getattr(seen, field)[-1] - getattr(expected, field)[end - 1]) < 1e-9, (name, field, end)
    return whole


@given(
    seed=st.integers(0, 2**32 - 1),
    price=st.sampled_from([1e-5, 1.0, 60_000.0]),
    timeframe=st.sampled_from([Timeframe.M5, Timeframe.H1, Timeframe.D1]),
)
@settings(max_examples=30, derandomize=True)
def test_windows_and_whole_series_agree(seed: int, price: float, timeframe: Timeframe) -> None:
    candles, reference = moody_market(seed, price=price, timeframe=timeframe)
    random = np.random.default_rng(seed)
    ends = [*random.integers(WINDOW, len(candles), size=4).tolist(), len(candles)]
    check_windows(candles, reference, moods(candles, seed), ends)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, derandomize=True)
def test_windows_that_end_where_a_strategy_speaks_agree(seed: int) -> None:
    """Most candles say nothing; these are the ones that matter."""
    candles, reference = moody_market(seed)
    sentiment = moods(candles, seed)
    whole = STRATEGIES.evaluate(market_view("X/USD", candles, reference, sentiment))
    random = np.random.default_rng(seed)
    ends = []
    for arrays in whole.arrays.values():
        spoken = np.flatnonzero(arrays.side[WINDOW:]) + WINDOW + 1
        ends += random.choice(spoken, size=1).tolist() if len(spoken) else []
    check_windows(candles, reference, sentiment, ends)


@pytest.mark.parametrize(
    "name", ["KRAKEN_BTC-USD_1h.csv.gz", "BINANCE_ADA-USDT_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz"]
)
def test_windows_and_whole_series_agree_on_real_candles(real_candles: Callable[[str], Candles], name: str) -> None:
    candles, reference = real_candles(name)[-20_000:], real_candles("KRAKEN_ETH-USD_1h.csv.gz")
    ends = np.random.default_rng(2).integers(WINDOW, len(candles), size=20).tolist()
    check_windows(candles, reference, moods(candles, 1), ends)


def check_own_windows(
    strategies: Iterable[Strategy], candles: Candles, reference: Candles, sentiment: SentimentSeries, random: Generator
) -> None:
    """On a window of as many candles as each says that it needs, at candles where it speaks and at others."""
    whole = market_view("X/USD", candles, reference, sentiment)
    for one in strategies:
        expected = one.signals(whole)
        spoken = np.flatnonzero(expected.side[WINDOW:])[-500:] + WINDOW + 1
        ends = [*random.integers(WINDOW, len(candles), size=2), *random.permutation(spoken)[:3]]
        for end in map(int, ends):
            window = candles[end - one.candles_needed : end]
            view = market_view("X/USD", window, reference.until(window.last_at_ms)[-WINDOW:], sentiment)
            seen = one.signals(view)
            assert seen.side[-1] == expected.side[end - 1], (one.name, end)
            for field in FIELDS[1:]:
                difference = abs(getattr(seen, field)[-1] - getattr(expected, field)[end - 1])
                assert difference < 1e-9, (one, field, end)


@given(
    seed=st.integers(0, 2**32 - 1),
    price=st.sampled_from([1e-5, 1.0, 60_000.0]),
    timeframe=st.sampled_from([Timeframe.M5, Timeframe.H1, Timeframe.D1]),
)
@settings(max_examples=15, derandomize=True)
def test_each_needs_no_more_candles_than_it_says(seed: int, price: float, timeframe: Timeframe) -> None:
    candles, reference = moody_market(seed, price=price, timeframe=timeframe)
    check_own_windows(STRATEGIES, candles, reference, moods(candles, seed), np.random.default_rng(seed))


LONG = (
    MovingAverage(fast=50, slow=200),
    MovingAverage(fast=10, slow=700, hold=9),
    Macd(fast=20, slow=50, signal=15),
    Macd(fast=5, slow=12, signal=40),
    Confirmed(hold=12),
    Rsi(period=25, memory=40),
    BollingerMeanReversion(period=600, memory=30),
    Grid(period=500),
    Divergence(period=20, wing=9, span=150),
    Momentum(short=50, long=600, hold=8),
    VolatilityBreakout(channel=650),
    MarketMaking(centre=50),
    Dca(period=640),
    Sentiment(turn=50),
    PairsTrading(period=340),
)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=8, derandomize=True)
def test_what_each_needs_follows_from_its_parameters(seed: int) -> None:
    """Longer ones need more, and as much as they say."""
    usual = {type(one): one.candles_needed for one in STRATEGIES}
    assert all(usual[type(one)] <= one.candles_needed <= WINDOW for one in LONG)
    candles, reference = moody_market(seed)
    check_own_windows(LONG, candles, reference, moods(candles, seed), np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["KRAKEN_BTC-USD_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz"])
def test_each_needs_no_more_real_candles_than_it_says(real_candles: Callable[[str], Candles], name: str) -> None:
    candles, reference = real_candles(name)[-20_000:], real_candles("KRAKEN_ETH-USD_1h.csv.gz")
    check_own_windows(STRATEGIES, candles, reference, moods(candles, 1), np.random.default_rng(2))


def test_with_kraken_s_720_candles_all_built_in_strategies_are_asked() -> None:
    """The last of them is open."""
    assert STRATEGIES.left_out(719) == ()
    assert STRATEGIES.left_out(550) == ("confirmed", "consensus")


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, derandomize=True)
def test_short_views_keep_the_contract(seed: int) -> None:
    random = np.random.default_rng(seed)
    candles, reference = moody_market(seed)
    start = int(random.integers(0, 2000))
    view = market_view("X/USD", candles[start : start + int(random.integers(1, 400))], reference, moods(candles, seed))
    evaluation = STRATEGIES.evaluate(view)
    assert not evaluation.errors
    assert not faults(evaluation.arrays, len(view.candles))


def test_no_two_strategies_say_the_same() -> None:
    """The side they take, as one number a candle, correlates well below 1 between any two of them."""
    spoken = []
    for seed in range(4):
        candles, reference = moody_market(seed)
        arrays = STRATEGIES.evaluate(market_view("X/USD", candles, reference, moods(candles, seed))).arrays
        spoken.append(np.array([arrays[name].side[WINDOW:] for name in STRATEGIES.names]))
    sides = np.concatenate(spoken, axis=1)
    talkative = dict(zip(STRATEGIES.names, np.abs(sides).mean(axis=1), strict=True))
    assert min(talkative.values()) > 0.002, talkative
    assert max(talkative.values()) < 0.25, talkative
    alike = np.abs(np.corrcoef(sides)) - np.eye(len(sides))
    first, second = np.unravel_index(int(alike.argmax()), alike.shape)
    assert alike.max() < 0.6, (STRATEGIES.names[first], STRATEGIES.names[second], alike.max())
