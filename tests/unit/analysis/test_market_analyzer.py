from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from autopilot.analysis.features import FEATURE_NAMES
from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.regime import LEAST_CANDLES, classify
from autopilot.analysis.view import market_view
from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.sentiment import SentimentSeries


def test_conditions_are_those_of_the_last_candle(random_candles: Callable[..., Candles]) -> None:
    candles = random_candles(41, WINDOW)
    view = market_view("BTC/USD", candles, None, None)
    conditions = MarketAnalyzer().analyze(view)
    regimes = classify(view.indicators)
    assert (conditions.symbol, conditions.timeframe) == ("BTC/USD", candles.timeframe)
    assert conditions.candle_at_ms == candles.last_at_ms
    assert conditions.price == candles.close[-1]
    assert conditions.regime is regimes.regime(-1)
    assert conditions.regime_strength == regimes.strength[-1]
    assert conditions.candles_in_regime == regimes.candles_in_regime[-1]
    assert conditions.adx == view.indicators.adx()[-1]
    assert conditions.rsi == view.indicators.rsi()[-1]
    assert conditions.atr == view.indicators.atr()[-1]
    assert conditions.volatility == view.indicators.volatility(24)[-1]
    assert conditions.volatility_ratio == view.indicators.volatility_ratio()[-1]
    assert conditions.volume_ratio == view.indicators.volume_ratio()[-1]
    assert conditions.external_signals is False
    assert conditions.features.names == FEATURE_NAMES
    assert np.isfinite(conditions.features.values).all()


def test_a_longer_view_gives_the_same_conditions(random_candles: Callable[..., Candles]) -> None:
    candles, reference = random_candles(42, 3000), random_candles(43, 3000)
    short, long = (
        MarketAnalyzer().analyze(market_view("BTC/USD", some, reference, None)) for some in (candles[-WINDOW:], candles)
    )
    assert short.regime is long.regime
    assert short.external_signals
    np.testing.assert_allclose(short.features.values, long.features.values, rtol=0, atol=1e-9)


@pytest.mark.parametrize("length", [LEAST_CANDLES, 719, WINDOW - 1])
def test_a_short_view_gives_the_same_numbers_and_no_features_of_the_candles(
    random_candles: Callable[..., Candles], length: int
) -> None:
    candles, reference = random_candles(45, 3000), random_candles(46, 3000)
    sentiment = SentimentSeries("index", candles.open_at_ms[::24], np.linspace(0.0, 100.0, 125))
    short, long = (
        MarketAnalyzer().analyze(market_view("BTC/USD", some, reference[-length:], sentiment))
        for some in (candles[-length:], candles)
    )
    for name in ("price", "adx", "rsi", "atr", "volatility", "volatility_ratio", "volume_ratio", "external_signals"):
        assert getattr(short, name) == pytest.approx(getattr(long, name), rel=1e-9), name
    known = dict(zip(long.features.names, long.features.values.tolist(), strict=True))
    assert short.features.names == tuple(n for n in known if n.startswith(("reference_", "relative_", "sentiment")))
    assert short.features.values.tolist() == pytest.approx([known[name] for name in short.features.names], abs=1e-9)


def test_too_few_candles_are_refused_with_both_numbers(random_candles: Callable[..., Candles]) -> None:
    view = market_view("BTC/USD", random_candles(44, LEAST_CANDLES - 1), None, None)
    with pytest.raises(CandleError, match=r"BTC/USD: 549 candles of 1h.*550 are needed") as caught:
        MarketAnalyzer().analyze(view)
    assert "data.history_exchange" in caught.value.hint
