"""The last entry on a window of 1,000 candles is the entry on the whole series: live, backtest and training agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autopilot.analysis.features import FEATURE_NAMES, feature_row, features
from autopilot.analysis.indicators import Indicators
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.regime import classify
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS

REAL = ["KRAKEN_BTC-USD_1h.csv.gz", "BINANCE_ADA-USDT_1h.csv.gz", "KRAKEN_BTC-USDC_1m.csv.gz"]
INDICATORS: list[tuple[str, tuple[int, ...]]] = [
    ("sma", (200,)),
    ("ema", (80,)),
    ("rsi", ()),
    ("atr", ()),
    ("adx", ()),
    ("plus_di", ()),
    ("macd", ()),
    ("bollinger", ()),
    ("bollinger_position", ()),
    ("bollinger_width", ()),
    ("donchian", (720,)),
    ("roc", (100,)),
    ("stochastic", ()),
    ("mfi", ()),
    ("obv_slope", (168,)),
    ("volatility", (720,)),
    ("volatility_ratio", ()),
    ("volatility_rank", ()),
    ("volume_ratio", ()),
    ("zscore", (100,)),
    ("efficiency", (168,)),
]


def check_indicators(candles: Candles, ends: list[int]) -> None:
    whole = Indicators(candles)
    for end in ends:
        window = Indicators(candles[end - WINDOW : end])
        for name, arguments in INDICATORS:
            np.testing.assert_allclose(
                np.atleast_2d(getattr(window, name)(*arguments))[:, -1],
                np.atleast_2d(getattr(whole, name)(*arguments))[:, end - 1],
                rtol=1e-9,
                atol=1e-9,
                err_msg=f"{name}{arguments} before candle {end}",
            )


def window_of(view: MarketView, start: int, end: int, sentiment: SentimentSeries, reference: Candles) -> MarketView:
    """What the live cycle would have been given at candle ``end - 1``: nothing later."""
    candles = view.candles[start:end]
    seen = sentiment.known_at_ms <= candles.last_at_ms + candles.timeframe.ms
    known = replace(sentiment, known_at_ms=sentiment.known_at_ms[seen], value=sentiment.value[seen])
    return market_view(view.symbol, candles, reference.until(candles.last_at_ms)[-WINDOW:], known)


def check_features(candles: Candles, reference: Candles, ends: list[int]) -> None:
    days = np.arange(candles.open_at_ms[0] - candles.open_at_ms[0] % DAY_MS, candles.last_at_ms, DAY_MS)
    sentiment = SentimentSeries("index", days, np.random.default_rng(len(days)).uniform(0, 100, size=len(days)))
    whole = market_view("X/USD", candles, reference, sentiment)
    regimes = classify(whole.indicators)
    _, table = features(whole, regimes)
    for end in ends:
        window = window_of(whole, end - WINDOW, end, sentiment, reference)
        own = classify(window.indicators)
        for name in ("codes", "candles_in_regime", "previous"):
            assert getattr(own, name)[-1] == getattr(regimes, name)[end - 1], (name, end)
        assert abs(own.strength[-1] - regimes.strength[end - 1]) < 1e-9
        differences = np.abs(feature_row(window.at(-1)).values - table[end - 1])
        worst = int(np.argmax(differences))
        assert differences[worst] < 1e-9, (FEATURE_NAMES[worst], end)


@given(seed=st.integers(0, 2**32 - 1), price=st.sampled_from([1e-5, 1.0, 60_000.0]))
@settings(max_examples=40, derandomize=True)
def test_on_random_walks(random_candles: Callable[..., Candles], seed: int, price: float) -> None:
    candles, reference = random_candles(seed, 4000, price=price), random_candles(seed + 1, 4000)
    ends = np.random.default_rng(seed).integers(WINDOW + 1, 4000, size=4).tolist()
    check_indicators(candles, ends)
    check_features(candles, reference, ends)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=40, derandomize=True)
def test_with_still_stretches_spikes_and_holes(random_candles: Callable[..., Candles], seed: int) -> None:
    random = np.random.default_rng(seed)
    walk = random_candles(seed, 4000)
    steps = np.diff(np.log(walk.close), prepend=np.log(walk.close[0]))
    still = np.zeros(4000, dtype=bool)
    for start in random.integers(0, 3800, size=3):
        still[start : start + int(random.integers(5, 200))] = True
    steps[still] = 0.0
    steps[random.integers(1, 4000, size=3)] += random.choice([-0.6, 0.6], size=3)
    close = np.exp(np.cumsum(steps))
    opened = np.concatenate([close[:1], close[:-1]])
    reach = np.where(still, 0.0, walk.high / np.maximum(walk.open, walk.close) - 1.0)
    high, low = np.maximum(opened, close) * (1.0 + reach), np.minimum(opened, close) * (1.0 - reach)
    volume = np.where(still, 0.0, walk.volume)
    candles = Candles.from_arrays(walk.timeframe, walk.open_at_ms, opened, high, low, close, volume)
    kept = random.random(4000) > 0.01
    candles, reference = (
        Candles(some.timeframe, *(getattr(some, name)[mask] for name in Candles.__slots__[1:]))
        for some, mask in ((candles, kept), (random_candles(seed + 1, 4000), np.roll(kept, 7)))
    )
    ends = [*random.integers(WINDOW + 1, len(candles), size=3).tolist(), len(candles)]
    check_indicators(candles, ends)
    check_features(candles, reference, ends)


@pytest.mark.parametrize("name", REAL)
def test_on_real_candles(real_candles: Callable[[str], Candles], name: str) -> None:
    candles = real_candles(name)[-20_000:]
    reference = real_candles(REAL[0])
    ends = np.random.default_rng(1).integers(WINDOW + 1, len(candles), size=25).tolist()
    check_indicators(candles, [*ends[:10], len(candles)])
    check_features(candles, reference if name != REAL[2] else candles, [*ends, len(candles)])


def test_the_future_changes_nothing(random_candles: Callable[..., Candles]) -> None:
    """Prices altered after a candle leave its row as it was: nothing looks ahead."""
    candles, reference = random_candles(77, 1600), random_candles(78, 1600)

    def table(altered_from: int) -> np.ndarray:
        factor = np.where(np.arange(1600) >= altered_from, 1.7, 1.0)
        prices = {name: getattr(candles, name) * factor for name in ("open", "high", "low", "close")}
        changed = replace(candles, **prices, volume=candles.volume * factor)
        closes = replace(reference, close=reference.close * factor)
        view = market_view("X/USD", changed, closes, None)
        return features(view, classify(view.indicators))[1]

    before, after = table(1600), table(1300)
    np.testing.assert_array_equal(after[:1300], before[:1300])
    assert (np.abs(after[1300] - before[1300]) > 1e-3).any()
