from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from autopilot.analysis.features import FEATURE_NAMES, LIMIT, SCHEMA, feature_row, features, outside_features
from autopilot.analysis.regime import WARM_UP, classify
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe

Walk = Callable[..., Candles]


def daily_sentiment(candles: Candles, seed: int = 0) -> SentimentSeries:
    days = np.arange(candles.open_at_ms[0], candles.last_at_ms, DAY_MS)
    return SentimentSeries("index", days, np.random.default_rng(seed).uniform(0, 100, size=len(days)))


def table(view: MarketView) -> FloatArray:
    return features(view, classify(view.indicators))[1]


def column(view: MarketView, name: str) -> FloatArray:
    return table(view)[:, FEATURE_NAMES.index(name)]


def full_view(walk: Walk, length: int = 1500) -> MarketView:
    candles = walk(21, length)
    return market_view("ETH/USD", candles, walk(22, length), daily_sentiment(candles))


def test_names_are_unique_and_shapes_agree(random_candles: Walk) -> None:
    view = full_view(random_candles)
    names, values = features(view, classify(view.indicators))
    assert names == FEATURE_NAMES
    assert len(set(names)) == len(names)
    assert values.shape == (1500, len(names))
    assert SCHEMA


def test_finite_and_bounded_after_the_warm_up_and_nan_in_it(random_candles: Walk) -> None:
    values = table(full_view(random_candles))
    assert np.isnan(values[:WARM_UP]).all()
    assert np.isfinite(values[WARM_UP:]).all()
    assert np.abs(values[WARM_UP:]).max() <= LIMIT


def test_no_feature_is_the_same_everywhere(random_candles: Walk) -> None:
    values = table(full_view(random_candles, 9000))[WARM_UP:]
    constant = {name for name, deviation in zip(FEATURE_NAMES, values.std(axis=0), strict=True) if deviation < 1e-3}
    assert constant == {"reference_known", "sentiment_known"}


def test_the_served_row_is_the_last_row_of_the_trained_table(random_candles: Walk) -> None:
    view = full_view(random_candles)
    row = feature_row(view.at(-1))
    assert row.names == FEATURE_NAMES
    np.testing.assert_array_equal(row.values, table(view)[-1])


@pytest.mark.parametrize("timeframe", [Timeframe.M1, Timeframe.D1])
def test_scale_of_price_and_volume_does_not_matter(random_candles: Walk, timeframe: Timeframe) -> None:
    candles, reference = random_candles(23, 1300, timeframe=timeframe), random_candles(24, 1300, timeframe=timeframe)
    sentiment = daily_sentiment(candles)

    def scaled(series: Candles, price: float, volume: float) -> Candles:
        prices = {name: getattr(series, name) * price for name in ("open", "high", "low", "close")}
        return replace(series, **prices, volume=series.volume * volume)

    as_is = table(market_view("X/USD", candles, reference, sentiment))
    for price, volume in ((1000.0, 7.0), (1e-9, 1e-6)):
        other = market_view("X/USD", scaled(candles, price, volume), scaled(reference, 3.0, 1.0), sentiment)
        np.testing.assert_allclose(table(other), as_is, rtol=0, atol=1e-8)


def test_a_still_market_without_trades_has_features(random_candles: Walk) -> None:
    walk = random_candles(25, 2200)
    flat = np.full(1200, walk.close[999])
    candles = Candles.from_arrays(
        walk.timeframe,
        walk.open_at_ms,
        *(np.concatenate([getattr(walk, name)[:1000], flat]) for name in ("open", "high", "low", "close")),
        np.concatenate([walk.volume[:1000], np.zeros(1200)]),
    )
    for view in (market_view("X/USD", candles, candles, None), market_view("X/USD", candles[1000:], None, None)):
        assert np.isfinite(table(view)[WARM_UP:]).all()


def test_the_outside_may_be_silent(random_candles: Walk) -> None:
    candles = random_candles(26, 1100)
    silent = [
        market_view("X/USD", candles, None, None),
        market_view("X/USD", candles, candles[:0], SentimentSeries.neutral()),
    ]
    outside = [name.startswith(("reference_", "relative_", "sentiment")) for name in FEATURE_NAMES]
    for view in silent:
        assert not table(view)[WARM_UP:, outside].any()
        np.testing.assert_array_equal(table(view), table(silent[0]))


@pytest.mark.parametrize("length", [10, 724, 1500])
@pytest.mark.parametrize("is_silent", [False, True])
def test_the_outside_by_itself_is_the_same(random_candles: Walk, length: int, is_silent: bool) -> None:
    candles = random_candles(21, length)
    heard = None if is_silent else random_candles(22, length)
    view = market_view("ETH/USD", candles, heard, None if is_silent else daily_sentiment(candles))
    found = outside_features(view)
    assert len(found) == sum(name.startswith(("reference_", "relative_", "sentiment")) for name in FEATURE_NAMES)
    for name, values in found.items():
        np.testing.assert_array_equal(values, column(view, name))


def test_a_hole_in_the_reference_is_neutral_and_heals(random_candles: Walk) -> None:
    candles, reference = random_candles(27, 1500), random_candles(28, 1500)
    at_ms = reference.open_at_ms
    kept = (at_ms < at_ms[1000]) | (at_ms >= at_ms[1020])
    holed = Candles(reference.timeframe, *(getattr(reference, name)[kept] for name in reference.__slots__[1:]))
    whole, broken = (table(market_view("X/USD", candles, other, None)) for other in (reference, holed))
    assert np.isfinite(broken[WARM_UP:]).all()
    assert (broken[1003:1020, FEATURE_NAMES.index("reference_known")] == 0.0).all()
    np.testing.assert_array_equal(broken[:1000], whole[:1000])
    np.testing.assert_array_equal(broken[1200:], whole[1200:])


def test_the_reference_beside_itself(random_candles: Walk) -> None:
    candles = random_candles(29, 1100)
    view = market_view("X/USD", candles, candles, None)
    for name, expected in (("reference_beta", 1.0), ("reference_correlation", 1.0), ("relative_strength_24", 0.0)):
        np.testing.assert_allclose(column(view, name)[WARM_UP:], expected, atol=1e-3)


def test_single_features_equal_their_definitions(random_candles: Walk) -> None:
    candles = random_candles(30, 1200)
    view = market_view("X/USD", candles, None, daily_sentiment(candles))
    last = dict(zip(FEATURE_NAMES, table(view)[-1].tolist(), strict=True))
    returns = np.diff(np.log(candles.close))
    week = returns[-168:].std()
    assert last["return_48"] == pytest.approx(returns[-48:].sum() / (week * 48**0.5), rel=1e-3)
    assert last["volatility_ratio_24_168"] == pytest.approx(np.log(returns[-24:].std() / week), rel=1e-2)
    sixes = np.convolve(returns, np.ones(6), "valid")[-168:]
    assert last["variance_ratio"] == pytest.approx(np.log(sixes.var() / (6 * week**2)), abs=1e-2)
    high, low = candles.high[-56:-1].max(), candles.low[-56:-1].min()
    assert last["channel_position_55"] == pytest.approx((candles.close[-1] - low) / (high - low) - 0.5, rel=1e-3)
    assert last["volume_ratio_24_168"] == pytest.approx(
        np.log(candles.volume[-24:].mean() / candles.volume[-168:].mean() + 0.01)
    )
    assert view.sentiment is not None
    assert last["sentiment"] == pytest.approx(view.sentiment[-1] / 50 - 1)
    assert sum(last[name] for name in FEATURE_NAMES if name.startswith("regime_") and "before" not in name) > 1.0


def test_the_calendar_is_that_of_the_close(random_candles: Walk) -> None:
    view = market_view("X/USD", random_candles(31, 1100), None, None)
    closed_at = view.candles.open_at_ms + Timeframe.H1.ms
    midnight = (closed_at % DAY_MS == 0) & (np.arange(1100) >= WARM_UP)
    np.testing.assert_allclose(column(view, "hour_cos")[midnight], 1.0)
    assert (column(view, "hour_cos")[WARM_UP:][~midnight[WARM_UP:]] < 0.999).all()
