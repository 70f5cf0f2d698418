"""The model's inputs: one function for training and serving, causal, free of scale.

A row depends on the 1,000 candles before it (windows of at most 720, and recursive indicators that have forgotten
older values); earlier rows have NaN where a value is not known yet, and must be skipped, not filled in. External data
may be missing at any time: its features are zero then, and a flag says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import itemgetter

import numpy as np

from autopilot.analysis.entries import (
    Numbers,
    either,
    finite,
    larger,
    log,
    log1p,
    quotient,
    root,
    sine_and_cosine,
)
from autopilot.analysis.formulas import MIN_VOLATILITY, IndicatorFormulas
from autopilot.analysis.moment import MarketMoment
from autopilot.analysis.regime import REGIMES, WARM_UP, RegimeArrays, RegimeAt
from autopilot.analysis.view import Market, MarketView, once
from autopilot.domain.candles import FloatArray
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.timeframe import DAY_MS

SCHEMA = "features-1"
"""Changes with any change of a feature's name, position or meaning. A model of another schema cannot be used."""

LIMIT = 16.0
"""All features are clipped to ± this value."""

Columns = dict[str, Numbers]

RETURN_SPANS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
AVERAGE_SPANS = (12, 26, 50, 70)
CHANNEL_SPANS = (20, 55, 168, 720)

_RETURNS = tuple(f"return_{span}" for span in RETURN_SPANS)
_EMA_DISTANCES = tuple(f"ema_distance_{span}" for span in AVERAGE_SPANS)
_CHANNELS = tuple(f"channel_position_{span}" for span in CHANNEL_SPANS)
_IN_REGIME = tuple(f"regime_{regime}" for regime in REGIMES)
_AFTER_REGIME = tuple(f"regime_before_{regime}" for regime in REGIMES)
_LOG_OF_6 = float(np.log(6.0))
_HOURS, _WEEKDAYS = 2.0 * np.pi / DAY_MS, 2.0 * np.pi / (7 * DAY_MS)

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
        columns = _columns(view, regimes)
        for row, column in zip(table, _in_order(columns), strict=True):
            row[WARM_UP:] = _limited(column[WARM_UP:])
    return FEATURE_NAMES, table.T


def outside_features(view: MarketView) -> Mapping[str, FloatArray]:
    """The features of the reference symbol and of sentiment by name, float64[n] each; cheap to compute alone."""
    length, table = len(view.candles), {}
    columns = {**_reference(view), **_sentiment(view)} if length > WARM_UP else {}
    for name in (*_OF_REFERENCE, *_OF_SENTIMENT):
        table[name] = np.full(length, np.nan)
        if columns:
            table[name][WARM_UP:] = _limited(columns[name][WARM_UP:])
    return table


def feature_row(moment: MarketMoment) -> FeatureRow:
    """The row of `features` at one candle, with more than 724 candles."""
    columns = _columns(moment, moment.regimes)
    return FeatureRow(FEATURE_NAMES, _limited(np.array(_in_order(columns))))


def outside_row(moment: MarketMoment) -> FeatureRow:
    """The entries of `outside_features` at one candle, with 170 candles or more."""
    columns = {**_reference(moment), **_sentiment(moment)}
    names = (*_OF_REFERENCE, *_OF_SENTIMENT)
    return FeatureRow(names, _limited(np.array(itemgetter(*names)(columns))))


def _columns(of: Market, regimes: RegimeArrays | RegimeAt) -> Columns:
    """All features, at every candle or at one."""
    indicators = of.indicators
    return {
        **_price(indicators),
        **_volatility(indicators),
        **_oscillators(indicators),
        **_volume(indicators),
        **_regime(regimes),
        **_calendar(of),
        **_reference(of),
        **_sentiment(of),
    }


def _limited(values: FloatArray) -> FloatArray:
    return np.minimum(np.maximum(values, -LIMIT), LIMIT)


def _price(of: IndicatorFormulas) -> Columns:
    """Returns in units of volatility, and the close's position relative to averages (in ATR) and channels."""
    now, price, still = of.close, of.log_close(), MIN_VOLATILITY * of.close
    per_usual, per_range = 1.0 / (of.volatility(168) + MIN_VOLATILITY), 1.0 / (of.atr() + still)
    line, _, histogram = of.macd()
    columns = {
        "sma_distance_168": (now - of.sma(168)) * per_range * 168**-0.5,
        "macd": line * per_range,
        "macd_histogram": histogram * per_range,
        "efficiency_24": of.efficiency(24),
        "efficiency_168": of.efficiency(168),
    }
    for name, span in zip(_RETURNS, RETURN_SPANS, strict=True):
        columns[name] = (price - of.earlier(span, IndicatorFormulas.log_close)) * per_usual * span**-0.5
    for name, span in zip(_EMA_DISTANCES, AVERAGE_SPANS, strict=True):
        columns[name] = (now - of.ema(span)) * per_range
    for name, span in zip(_CHANNELS, CHANNEL_SPANS, strict=True):
        upper, lower = of.donchian(span)
        columns[name] = (now - 0.5 * (upper + lower)) / (upper - lower + still)
    return columns


def _volatility(of: IndicatorFormulas) -> Columns:
    recent, day, week, month = (log(of.volatility(span) + MIN_VOLATILITY) for span in (6, 24, 168, 720))
    still = MIN_VOLATILITY * of.close
    mean, square = of.total(168, _return_of_6) / 168, of.total(168, _squared_return_of_6) / 168
    six = root(larger(square - mean * mean, 0.0))
    return {
        "log_volatility_24": day,
        "log_volatility_168": week,
        "volatility_ratio_6_24": recent - day,
        "volatility_ratio_24_168": day - week,
        "volatility_ratio_168_720": week - month,
        "volatility_rank": of.volatility_rank(),
        "range_surprise": log((of.true_range() + still) / (of.atr() + still)),
        "variance_ratio": 2.0 * (log(six + MIN_VOLATILITY) - week) - _LOG_OF_6,
    }


def _return_of_6(of: IndicatorFormulas) -> Numbers:
    return of.total(6, IndicatorFormulas.log_return)


def _squared_return_of_6(of: IndicatorFormulas) -> Numbers:
    of_6 = _return_of_6(of)
    return of_6 * of_6


def _oscillators(of: IndicatorFormulas) -> Columns:
    return {
        "adx": of.adx() * 0.01,
        "directional_lead": (of.plus_di() - of.minus_di()) * 0.01,
        "rsi": of.rsi() * 0.01,
        "mfi": of.mfi() * 0.01,
        "stochastic": of.fast_stochastic() * 0.01,
        "bollinger_position": of.bollinger_position(),
        "bollinger_width": log(of.bollinger_width() + MIN_VOLATILITY),
    }


def _volume(of: IndicatorFormulas) -> Columns:
    return {
        "volume_surprise": log(of.volume_ratio() + 0.01),
        "volume_ratio_24_168": log(quotient(of.volume_sum(24) / 24, of.volume_sum(168) / 168, 1.0) + 0.01),
        "obv_slope_24": of.obv_slope(24),
        "obv_slope_168": of.obv_slope(168),
    }


def _regime(regimes: RegimeArrays | RegimeAt) -> Columns:
    columns = {"regime_strength": regimes.strength, "regime_age": log1p(regimes.candles_in_regime)}
    for code, (now, before) in enumerate(zip(_IN_REGIME, _AFTER_REGIME, strict=True)):
        columns[now], columns[before] = (regimes.codes == code) * 1.0, (regimes.previous == code) * 1.0
    return columns


def _calendar(of: Market) -> Columns:
    """Time of day and of week at the candle's close, each as sine and cosine."""
    closed_at = of.open_at_ms + of.timeframe.ms
    hour_sin, hour_cos = sine_and_cosine((closed_at % DAY_MS) * _HOURS)
    weekday_sin, weekday_cos = sine_and_cosine((closed_at % (7 * DAY_MS)) * _WEEKDAYS)
    return {"hour_sin": hour_sin, "hour_cos": hour_cos, "weekday_sin": weekday_sin, "weekday_cos": weekday_cos}


def _reference(of: Market) -> Columns:
    """The reference symbol's returns, and this symbol's returns relative to them."""
    if of.reference_close is None:
        return dict.fromkeys(_OF_REFERENCE, _nothing(of))
    day, week = (_their_volatility(of, span) + MIN_VOLATILITY for span in (24, 168))
    ours_week = of.indicators.volatility(168) + MIN_VOLATILITY
    their_week = of.total_of(168, _their_return)
    shared = of.total_of(168, _shared_return) - of.total_of(168, _our_return) * their_week / 168
    per_candle = shared / (168 * week)
    columns: Columns = {
        "reference_volatility_ratio": log(day / week),
        "reference_beta": per_candle / week,
        "reference_correlation": per_candle / ours_week,
    }
    for span in (24, 168):
        their_move, our_move = of.total_of(span, _their_return), of.total_of(span, _our_return)
        columns[f"reference_return_{span}"] = their_move / (week * span**0.5)
        columns[f"relative_strength_{span}"] = (our_move - their_move) / (ours_week * span**0.5)
    known = finite(of.reference_close) * 1.0
    return {"reference_known": known, **{name: zeroed(column) for name, column in columns.items()}}


def _their_volatility(of: Market, span: int) -> Numbers:
    mean, square = of.total_of(span, _their_return) / span, of.total_of(span, _their_squared_return) / span
    return root(larger(square - mean * mean, 0.0))


@once
def _their_log_close(of: Market) -> Numbers:
    return log(of.reference_close)


@once
def _their_return(of: Market) -> Numbers:
    return _their_log_close(of) - of.earlier(1, _their_log_close)


def _their_squared_return(of: Market) -> Numbers:
    theirs = _their_return(of)
    return theirs * theirs


def _our_return(of: Market) -> Numbers:
    return of.indicators.log_return()


def _shared_return(of: Market) -> Numbers:
    return of.indicators.log_return() * _their_return(of)


def _sentiment(of: Market) -> Columns:
    if of.sentiment is None:
        return dict.fromkeys(_OF_SENTIMENT, _nothing(of))
    level = _level(of)
    return {
        "sentiment_known": finite(level) * 1.0,
        "sentiment": zeroed(level),
        "sentiment_change_168": zeroed(level - of.earlier(168, _level)),
    }


def _level(of: Market) -> Numbers:
    """The sentiment from −1, extreme fear, to 1, extreme greed."""
    level: Numbers = of.sentiment
    return level * 0.02 - 1.0


def _nothing(of: Market) -> Numbers:
    """Zero, at every candle or at one."""
    return of.indicators.close * 0.0


def zeroed(values: Numbers) -> Numbers:
    """``values`` with 0 in place of NaN and infinity."""
    return either(finite(values), values, 0.0)
