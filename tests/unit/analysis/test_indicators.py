from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib

from autopilot.analysis.indicators import Indicators
from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import Timeframe

SETTLED = 1000
CALLS: list[tuple[str, tuple[float, ...]]] = [
    ("sma", (50,)),
    ("ema", (80,)),
    ("rsi", ()),
    ("atr", ()),
    ("adx", ()),
    ("plus_di", ()),
    ("minus_di", ()),
    ("macd", ()),
    ("bollinger", ()),
    ("bollinger_position", ()),
    ("bollinger_width", ()),
    ("donchian", (55,)),
    ("roc", (12,)),
    ("stochastic", ()),
    ("mfi", ()),
    ("obv_slope", (24,)),
    ("true_range", ()),
    ("log_return", ()),
    ("volatility", ()),
    ("volatility_ratio", ()),
    ("volatility_rank", ()),
    ("volume_ratio", ()),
    ("volume_sum", (24,)),
    ("zscore", (20,)),
    ("efficiency", (24,)),
]


def outputs(indicators: Indicators, name: str, arguments: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    result = getattr(indicators, name)(*arguments)
    return result if isinstance(result, tuple) else (result,)


def still_candles(length: int, volume: float) -> Candles:
    price = np.full(length, 41_234.56)
    at_ms = np.arange(length) * Timeframe.H1.ms
    return Candles.from_arrays(Timeframe.H1, at_ms, price, price, price, price, np.full(length, volume))


@pytest.fixture(scope="module")
def candles(random_candles: Callable[..., Candles]) -> Candles:
    return random_candles(11, 3000)


def test_equal_talibs_own_once_the_seeds_are_forgotten(candles: Candles) -> None:
    ours, c = Indicators(candles), candles
    twins = [
        (ours.sma(50), talib.SMA(c.close, 50)),
        (ours.ema(26), talib.EMA(c.close, 26)),
        (ours.rsi(), talib.RSI(c.close, 14)),
        (ours.atr(), talib.ATR(c.high, c.low, c.close, 14)),
        (ours.adx(), talib.ADX(c.high, c.low, c.close, 14)),
        (ours.plus_di(), talib.PLUS_DI(c.high, c.low, c.close, 14)),
        (ours.minus_di(), talib.MINUS_DI(c.high, c.low, c.close, 14)),
        (ours.mfi(), talib.MFI(c.high, c.low, c.close, c.volume, 14)),
        (ours.roc(12) * 100.0, talib.ROC(c.close, 12)),
        *zip(ours.macd(), talib.MACD(c.close), strict=True),
        *zip(ours.bollinger(), talib.BBANDS(c.close, 20, 2.0, 2.0), strict=True),
        *zip(ours.stochastic(), talib.STOCHF(c.high, c.low, c.close, 14, 3, 0), strict=True),
        (ours.volatility(24), talib.STDDEV(np.nan_to_num(ours.log_return()), 24, 1.0)),
    ]
    for place, (mine, theirs) in enumerate(twins):
        np.testing.assert_allclose(mine[SETTLED:], theirs[SETTLED:], rtol=1e-6, atol=1e-6, err_msg=str(place))


def test_equal_their_definitions_at_one_candle(candles: Candles) -> None:
    ours, last = Indicators(candles), 2500
    window = slice(last - 23, last + 1)
    close, volume = candles.close, candles.volume
    returns = np.diff(np.log(close))
    assert ours.donchian(20)[0][last] == candles.high[last - 20 : last].max()
    assert ours.donchian(20)[1][last] == candles.low[last - 20 : last].min()
    assert ours.volume_ratio()[last] == pytest.approx(volume[last] / np.median(volume[last - 47 : last + 1]))
    assert ours.volatility_ratio()[last] == pytest.approx(
        returns[last - 24 : last].std() / returns[last - 168 : last].std(), rel=1e-3
    )
    assert ours.zscore(24)[last] == pytest.approx((close[last] - close[window].mean()) / close[window].std())
    moved = np.sign(np.diff(close))[last - 24 : last]
    assert ours.obv_slope(24)[last] == pytest.approx((moved * volume[window]).sum() / volume[window].sum())
    way = np.abs(np.diff(close))[last - 24 : last].sum()
    assert ours.efficiency(24)[last] == pytest.approx(abs(close[last] - close[last - 24]) / way)
    upper, middle, lower = (band[last] for band in ours.bollinger())
    assert ours.bollinger_position()[last] == pytest.approx((close[last] - lower) / (upper - lower))
    assert ours.bollinger_width()[last] == pytest.approx((upper - lower) / middle)
    periods = [returns[last - 24 * back - 24 : last - 24 * back].std() for back in range(30)]
    assert ours.volatility_rank()[last] == pytest.approx(np.mean(np.array(periods[1:]) < periods[0]))


def test_donchian_leaves_the_present_candle_out() -> None:
    close = np.concatenate([np.full(30, 100.0), [150.0]])
    candles = Candles.from_arrays(
        Timeframe.H1, np.arange(31) * Timeframe.H1.ms, close, close, close, close, np.ones(31)
    )
    upper, lower = Indicators(candles).donchian(20)
    assert (upper[-1], lower[-1]) == (100.0, 100.0)


@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_no_hole_after_the_warm_up(candles: Candles, name: str, arguments: tuple[float, ...]) -> None:
    for series in outputs(Indicators(candles), name, arguments):
        assert series.dtype == np.float64
        assert series.shape == (len(candles),)
        known = np.isfinite(series)
        assert known[np.argmax(known) :].all()
        assert np.argmax(known) <= 720


NEUTRAL = {
    "rsi": 50.0,
    "stochastic": 50.0,
    "mfi": 50.0,
    "bollinger_position": 0.5,
    "volatility_ratio": 1.0,
    "volatility_rank": 0.5,
    "volume_ratio": 1.0,
}
PRICED = ("sma", "ema", "bollinger", "donchian")


@pytest.mark.parametrize("volume", [0.0, 3.0])
@pytest.mark.parametrize(("name", "arguments"), [call for call in CALLS if call[0] != "volume_sum"])
def test_a_market_that_stands_still_is_neutral(name: str, arguments: tuple[float, ...], volume: float) -> None:
    expected = 41_234.56 if name in PRICED else NEUTRAL.get(name, 0.0)
    for series in outputs(Indicators(still_candles(1000, volume)), name, arguments):
        np.testing.assert_allclose(series[-200:], expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("length", [0, 1, 2, 13])
@pytest.mark.parametrize(("name", "arguments"), CALLS)
def test_too_few_candles_give_no_value_and_no_error(name: str, arguments: tuple[float, ...], length: int) -> None:
    for series in outputs(Indicators(still_candles(length, 1.0)), name, arguments):
        assert series.shape == (length,)


def test_volume_that_is_mostly_absent_is_measured_by_its_mean() -> None:
    quiet = still_candles(200, 0.0)
    volume = quiet.volume.copy()
    volume[::8] = 4.0
    candles = Candles.from_arrays(
        Timeframe.H1, quiet.open_at_ms, quiet.open, quiet.high, quiet.low, quiet.close, volume
    )
    ratio = Indicators(candles).volume_ratio()
    assert ratio[192] == pytest.approx(8.0)
    assert ratio[193] == 0.0


def test_results_are_shared_and_cannot_be_written(candles: Candles) -> None:
    indicators = Indicators(candles)
    assert indicators.rsi() is indicators.rsi(14)
    assert indicators.rsi() is indicators.rsi(n=14)
    assert indicators.bollinger(20, 2) is indicators.bollinger(k=2.0)
    assert indicators.bollinger(20, 2.5) is not indicators.bollinger()
    assert indicators.rsi(7) is not indicators.rsi()
    with pytest.raises(ValueError, match="read-only"):
        indicators.macd()[0][0] = 1.0
    candles.close[0] = candles.close[0]


def test_an_average_that_remembers_too_much_is_refused(candles: Candles) -> None:
    with pytest.raises(ValueError, match="EMA of 200"):
        Indicators(candles).ema(200)
    with pytest.raises(ValueError, match="EMA of 99"):
        Indicators(candles).rsi(50)
