"""A model's features in words. Pure."""

from __future__ import annotations

_PREFIXES = {
    "return_": "return over {} candles, in usual moves",
    "ema_distance_": "distance from the EMA of {} candles, in ATRs",
    "sma_distance_": "distance from the mean of {} candles, in ATRs",
    "channel_position_": "position in the channel of {} candles, −0.5 to 0.5",
    "efficiency_": "how straight the last {} candles moved",
    "log_volatility_": "volatility of {} candles, logarithm",
    "obv_slope_": "money flow over {} candles",
    "regime_before_": "the regime before was {}",
    "reference_return_": "the reference's return over {} candles, in usual moves",
    "relative_strength_": "return over {} candles, less the reference's",
    "sentiment_change_": "change of sentiment over {} candles",
    "signal_": "what {} says now",
    "held_": "{} would be holding",
    "last_": "last result of {}, in usual moves",
    "mean_7d_": "mean result of {} over 7 days, in usual moves",
    "mean_30d_": "mean result of {} over 30 days, in usual moves",
}
_WHOLE = {
    "adx": "ADX, 0 to 1",
    "rsi": "RSI, 0 to 1",
    "mfi": "money flow index, 0 to 1",
    "macd": "MACD, in ATRs",
    "macd_histogram": "MACD's histogram, in ATRs",
    "directional_lead": "lead of the upward movement",
    "regime_strength": "how clear the regime is",
    "regime_age": "time in the regime, logarithm",
    "volatility_rank": "rank of the volatility among the last 30 days",
    "reference_known": "the reference has data",
    "sentiment_known": "the sentiment has data",
}


def feature_words(name: str) -> str:
    """``return_24`` → return over 24 candles, in usual moves. An unknown name is returned with spaces."""
    if name in _WHOLE:
        return _WHOLE[name]
    for prefix in sorted(_PREFIXES, key=len, reverse=True):
        rest = name.removeprefix(prefix)
        if rest != name:
            return _PREFIXES[prefix].format(rest.replace("_", " "))
    return name.replace("_", " ")
