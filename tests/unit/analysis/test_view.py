from __future__ import annotations

import numpy as np
import pytest

from autopilot.analysis.view import REFERENCE_LIFE, market_view
from autopilot.domain.candles import Candles, IntArray
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe

HOUR = Timeframe.H1.ms
START = 1_700_006_400_000


def candles_at(hours: list[int], timeframe: Timeframe = Timeframe.H1) -> Candles:
    """Closes are 100 + the hour."""
    at_ms: IntArray = START + np.array(hours, dtype=np.int64) * timeframe.ms
    close = 100.0 + np.array(hours, dtype=np.float64)
    return Candles.from_arrays(timeframe, at_ms, close, close, close, close, np.ones(len(hours)))


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ([0, 1, 2, 3, 4, 5], [100, 101, 102, 103, 104, 105]),
        ([2, 3], [np.nan, np.nan, 102, 103, 103, 103]),
        ([0, 9], [100, 100, 100, 100, np.nan, np.nan]),
        ([7, 8], [np.nan] * 6),
        ([], [np.nan] * 6),
    ],
)
def test_a_reference_close_counts_from_its_close_on_and_not_for_long(
    reference: list[int], expected: list[float]
) -> None:
    assert REFERENCE_LIFE == 3
    view = market_view("ETH/USD", candles_at([0, 1, 2, 3, 4, 5]), candles_at(reference), None)
    assert view.reference_close is not None
    np.testing.assert_array_equal(view.reference_close, expected)
    assert view.has_external_at(-1) is bool(np.isfinite(expected[-1]))


def test_a_longer_reference_candle_counts_only_once_it_is_closed() -> None:
    view = market_view("ETH/USD", candles_at(list(range(9))), candles_at([-1, 0, 1], Timeframe.H4), None)
    np.testing.assert_array_equal(view.reference_close, [99, 99, 99, 100, 100, 100, 100, 101, 101])


def test_a_sentiment_counts_at_the_close_by_which_it_is_known() -> None:
    known_at = START + 2 * HOUR
    series = SentimentSeries("index", np.array([known_at]), np.array([20.0]), life_ms=2 * HOUR)
    view = market_view("BTC/USD", candles_at([0, 1, 2, 3, 4]), None, series)
    np.testing.assert_array_equal(view.sentiment, [np.nan, 20.0, 20.0, 20.0, np.nan])
    assert not view.has_external_at(-1)


def test_a_fresh_sentiment_is_an_external_signal() -> None:
    series = SentimentSeries("index", np.array([START - DAY_MS]), np.array([80.0]))
    assert market_view("BTC/USD", candles_at([0, 1]), None, series).has_external_at(-1)


def test_nothing_from_outside() -> None:
    view = market_view("BTC/USD", candles_at([0, 1]), None, None)
    assert (view.reference_close, view.sentiment, view.has_external_at(-1)) == (None, None, False)
    assert view.timeframe is Timeframe.H1
    assert view.indicators.candles is view.candles
    assert not market_view("BTC/USD", candles_at([]), candles_at([]), SentimentSeries.neutral()).has_external_at(-1)


def test_the_regimes_are_worked_out_once() -> None:
    view = market_view("BTC/USD", candles_at([0, 1]), None, None)
    assert view.regimes is view.regimes
