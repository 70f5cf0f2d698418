"""The model's inputs: one function for training and serving, causal, free of scale.

A row depends on the 1,000 candles before it (windows of at most 720, and recursive indicators that have forgotten
older values); earlier rows have NaN where a value is not known yet, and must be skipped, not filled in. External data
may be missing at any time: its features are zero then, and a flag says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from autopilot.analysis.indicators import MIN_VOLATILITY, Indicators
from autopilot.analysis.regime import CODES, REGIMES, WARM_UP, RegimeArrays
from autopilot.analysis.rolling import Windows, change, rolling_std, rolling_sum, std_of
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import Candles, FloatArray
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.timeframe import DAY_MS

SCHEMA = "features-1"
"""Changes with any change of a feature's name, position or meaning. A model of another schema cannot be used."""

LIMIT = 16.0
"""All features are clipped to ± this value."""

Columns = dict[str, FloatArray]

RETURN_SPANS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
AVERAGE_SPANS = (12, 26, 50, 70)
CHANNEL_SPANS = (20, 55, 168, 720)

_RETURNS = tuple(f"return_{span}" for span in RETURN_SPANS)
_EMA_DISTANCES = tuple(f"ema_distance_{span}" for span in AVERAGE_SPANS)
_CHANNELS = tuple(f"channel_position_{span}" for span in CHANNEL_SPANS)
_IN_REGIME = tuple(f"regime_{regime}" for regime in REGIMES)
_AFTER_REGIME = tuple(f"regime_before_{regime}" for regime in REGIMES)
_PER_ROOT = np.array([[span**-0.5] for span in RETURN_SPANS])

FEATURE_NAMES: tuple[str, ...] = (
    *_RETURNS,
    "log_volatility_24",
    "log_volatility_168",
    "volatility_ratio_6_24",
    "volatility_ratio_24_168",
    "volatility_ratio_168_720",
    "volatility_rank",
    "range_surprise",
    "adx",
    "directional_lead",
    "rsi",
    "mfi",
    "stochastic",
    "bollinger_position",
    "bollinger_width",
    "macd",
    "macd_histogram",
    *_EMA_DISTANCES,
    "sma_distance_168",
    "volume_surprise",
    "volume_ratio_24_168",
    "obv_slope_24",
    "obv_slope_168",
    *_CHANNELS,
    "efficiency_24",
    "efficiency_168",
    "variance_ratio",
    *_IN_REGIME,
    "regime_strength",
    "regime_age",
    *_AFTER_REGIME,
    "hour_sin",
    "hour_cos",
    "weekday_sin",
    "weekday_cos",
    "reference_known",
    "reference_return_24",
    "reference_return_168",
    "reference_volatility_ratio",
    "reference_beta",
    "reference_correlation",
    "relative_strength_24",
    "relative_strength_168",
    "sentiment_known",
    "sentiment",
    "sentiment_change_168",
)
_in_order = itemgetter(*FEATURE_NAMES)
_OF_REFERENCE = tuple(name for name in FEATURE_NAMES if name.startswith(("reference_", "relative_")))
_OF_SENTIMENT = tuple(name for name in FEATURE_NAMES if name.startswith("sentiment"))


def features(view: MarketView, regimes: RegimeArrays) -> tuple[tuple[str, ...], FloatArray]:
    """(FEATURE_NAMES, float64[n, k]), one row per candle; values in [−16, 16], NaN in the warm-up of 724 candles."""
    table = np.full((len(FEATURE_NAMES), len(view.candles)), np.nan)
    if len(view.candles) > WARM_UP:
        columns = _columns(view, regimes, WARM_UP)
        known = np.stack(_in_order(columns))
        table[:, WARM_UP:] = _limited(known)
    return FEATURE_NAMES, table.T


def outside_features(view: MarketView) -> Mapping[str, FloatArray]:
    """The features of the reference symbol and of sentiment by name, float64[n] each; cheap to compute alone."""
    length, table = len(view.candles), {}
    columns = {**_reference(view, WARM_UP), **_sentiment(view, WARM_UP)} if length > WARM_UP else {}
    for name in (*_OF_REFERENCE, *_OF_SENTIMENT):
        table[name] = np.full(length, np.nan)
        if columns:
            table[name][WARM_UP:] = _limited(columns[name])
    return table


def feature_row(view: MarketView, regimes: RegimeArrays) -> FeatureRow:
    """The last row of `features`, for more than 724 candles."""
    columns = _columns(view, regimes, len(view.candles) - 1)
    return FeatureRow(FEATURE_NAMES, _limited(np.concatenate(_in_order(columns))))


def outside_row(view: MarketView) -> FeatureRow:
    """The last entries of `outside_features`, for 170 candles or more."""
    last = len(view.candles) - 1
    columns = {**_reference(view, last), **_sentiment(view, last)}
    names = (*_OF_REFERENCE, *_OF_SENTIMENT)
    return FeatureRow(names, _limited(np.concatenate(itemgetter(*names)(columns))))


def _columns(view: MarketView, regimes: RegimeArrays, first: int) -> Columns:
    """All features of the candles from ``first`` on; ``first`` is at least 724."""
    indicators = view.indicators
    return {
        **_price(indicators, first),
        **_volatility(indicators, first),
        **_oscillators(indicators, first),
        **_volume(indicators, first),
        **_regime(regimes, first),
        **_calendar(view.candles, first),
        **_reference(view, first),
        **_sentiment(view, first),
    }


def _limited(values: FloatArray) -> FloatArray:
    return np.minimum(np.maximum(values, -LIMIT), LIMIT)


def _price(indicators: Indicators, first: int) -> Columns:
    """Returns in units of volatility, and the close's position relative to averages (in ATR) and channels."""
    close = indicators.candles.close
    now = close[first:]
    price = np.log(close[first - max(RETURN_SPANS) :])
    length = len(now)
    per_usual = 1.0 / (indicators.volatility(168)[first:] + MIN_VOLATILITY)
    per_range = 1.0 / (indicators.atr()[first:] + MIN_VOLATILITY * now)
    before = np.array([price[-length - span : -span] for span in RETURN_SPANS])
    averages = np.array([indicators.ema(span)[first:] for span in AVERAGE_SPANS])
    upper, lower = np.array([[edge[first:] for edge in indicators.donchian(span)] for span in CHANNEL_SPANS]).swapaxes(
        0, 1
    )
    line, _, histogram = indicators.macd()
    return {
        **dict(zip(_RETURNS, (price[-length:] - before) * per_usual * _PER_ROOT, strict=True)),
        **dict(zip(_EMA_DISTANCES, (now - averages) * per_range, strict=True)),
        "sma_distance_168": (now - indicators.sma(168)[first:]) * per_range * 168**-0.5,
        "macd": line[first:] * per_range,
        "macd_histogram": histogram[first:] * per_range,
        **dict(zip(_CHANNELS, (now - 0.5 * (upper + lower)) / (upper - lower + MIN_VOLATILITY * now), strict=True)),
        "efficiency_24": indicators.efficiency(24)[first:],
        "efficiency_168": indicators.efficiency(168)[first:],
    }


def _volatility(indicators: Indicators, first: int) -> Columns:
    volatilities = np.array([indicators.volatility(span)[first:] for span in (6, 24, 168, 720)])
    recent, day, week, month = np.log(volatilities + MIN_VOLATILITY)
    still = MIN_VOLATILITY * indicators.candles.close[first:]
    six = rolling_std(rolling_sum(indicators.log_return()[first - 172 :], 6), 168)[172:]
    return {
        "log_volatility_24": day,
        "log_volatility_168": week,
        "volatility_ratio_6_24": recent - day,
        "volatility_ratio_24_168": day - week,
        "volatility_ratio_168_720": week - month,
        "volatility_rank": indicators.volatility_rank()[first:],
        "range_surprise": np.log((indicators.true_range()[first:] + still) / (indicators.atr()[first:] + still)),
        "variance_ratio": 2.0 * (np.log(six + MIN_VOLATILITY) - week) - np.log(6.0),
    }


def _oscillators(indicators: Indicators, first: int) -> Columns:
    return {
        "adx": indicators.adx()[first:] * 0.01,
        "directional_lead": (indicators.plus_di()[first:] - indicators.minus_di()[first:]) * 0.01,
        "rsi": indicators.rsi()[first:] * 0.01,
        "mfi": indicators.mfi()[first:] * 0.01,
        "stochastic": indicators.stochastic()[0][first:] * 0.01,
        "bollinger_position": indicators.bollinger_position()[first:],
        "bollinger_width": np.log(indicators.bollinger_width()[first:] + MIN_VOLATILITY),
    }


def _volume(indicators: Indicators, first: int) -> Columns:
    day, week = indicators.volume_sum(24)[first:] / 24, indicators.volume_sum(168)[first:] / 168
    traded = week > 0
    return {
        "volume_surprise": np.log(indicators.volume_ratio()[first:] + 0.01),
        "volume_ratio_24_168": np.log(np.where(traded, day, 1.0) / np.where(traded, week, 1.0) + 0.01),
        "obv_slope_24": indicators.obv_slope(24)[first:],
        "obv_slope_168": indicators.obv_slope(168)[first:],
    }


def _regime(regimes: RegimeArrays, first: int) -> Columns:
    codes, previous = regimes.codes[first:], regimes.previous[first:]
    return {
        "regime_strength": regimes.strength[first:],
        "regime_age": np.log1p(regimes.candles_in_regime[first:]),
        **dict(zip(_IN_REGIME, (codes == CODES) * 1.0, strict=True)),
        **dict(zip(_AFTER_REGIME, (previous == CODES) * 1.0, strict=True)),
    }


def _calendar(candles: Candles, first: int) -> Columns:
    """Time of day and of week at the candle's close, each as sine and cosine."""
    closed_at = candles.open_at_ms[first:] + candles.timeframe.ms
    hour = (closed_at % DAY_MS) * (2.0 * np.pi / DAY_MS)
    weekday = (closed_at % (7 * DAY_MS)) * (2.0 * np.pi / (7 * DAY_MS))
    return {
        "hour_sin": np.sin(hour),
        "hour_cos": np.cos(hour),
        "weekday_sin": np.sin(weekday),
        "weekday_cos": np.cos(weekday),
    }


def _reference(view: MarketView, first: int) -> Columns:
    """The reference symbol's returns, and this symbol's returns relative to them."""
    if view.reference_close is None:
        return dict.fromkeys(_OF_REFERENCE, np.zeros(len(view.candles) - first))
    ours = view.indicators.log_return()[first - 168 :]
    theirs = change(np.log(view.reference_close[first - 169 :]))[1:]
    windows = Windows(np.array((ours, theirs, theirs * theirs, ours * theirs)), np.add)
    over_day, over_week = (windows.over(span)[:, 168:] for span in (24, 168))
    day, week = (std_of(sums[1:3], span) + MIN_VOLATILITY for sums, span in ((over_day, 24), (over_week, 168)))
    ours_week = view.indicators.volatility(168)[first:] + MIN_VOLATILITY
    shared = over_week[3] - over_week[0] * over_week[1] / 168
    per_candle = shared / (168 * week)
    columns: Columns = {
        "reference_volatility_ratio": np.log(day / week),
        "reference_beta": per_candle / week,
        "reference_correlation": per_candle / ours_week,
    }
    for (our_move, their_move, *_), span in ((over_day, 24), (over_week, 168)):
        columns[f"reference_return_{span}"] = their_move / (week * span**0.5)
        columns[f"relative_strength_{span}"] = (our_move - their_move) / (ours_week * span**0.5)
    known = np.isfinite(view.reference_close[first:]) * 1.0
    return {"reference_known": known, **{name: zeroed(column) for name, column in columns.items()}}


def _sentiment(view: MarketView, first: int) -> Columns:
    if view.sentiment is None:
        return dict.fromkeys(_OF_SENTIMENT, np.zeros(len(view.candles) - first))
    level = view.sentiment[first:] * 0.02 - 1.0
    return {
        "sentiment_known": np.isfinite(level) * 1.0,
        "sentiment": zeroed(level),
        "sentiment_change_168": zeroed(level - (view.sentiment[first - 168 : -168] * 0.02 - 1.0)),
    }


def zeroed(values: FloatArray) -> FloatArray:
    """``values`` with 0 in place of NaN and infinity."""
    return np.where(np.isfinite(values), values, 0.0)
