"""The rule table: which group of strategies suits the market, when no learned model says so.

A group whose condition holds gets 0.35 to 0.95, the more the clearer the market is in it; one whose condition does not
hold gets at most 0.45 for what speaks for it nevertheless. These numbers order the groups and are not probabilities.
"""

from __future__ import annotations

import math

from autopilot.domain.conditions import MarketConditions, Regime
from autopilot.domain.selection import GroupScore
from autopilot.domain.signal import StrategyGroup

_BEST = 0.95
_LEAST = 0.35
_ORDER = tuple(StrategyGroup)


def score_groups(conditions: MarketConditions) -> tuple[GroupScore, ...]:
    """All five groups, best first; of equals, in the order of `StrategyGroup`."""
    scores = [
        _trend_following(conditions),
        _mean_reversion(conditions),
        _momentum(conditions),
        _market_making(conditions),
    ]
    scores.append(_sentiment_based(conditions, max(score.confidence for score in scores)))
    return tuple(sorted(scores, key=lambda score: (-score.confidence, _ORDER.index(score.group))))


def _trend_following(conditions: MarketConditions) -> GroupScore:
    trending = conditions.regime in (Regime.TRENDING_UP, Regime.TRENDING_DOWN)
    confidence = _clear(conditions.regime_strength) if trending else 0.4 * _ramp(conditions.adx, 18.0, 35.0)
    return GroupScore(
        StrategyGroup.TREND_FOLLOWING,
        confidence,
        f"ADX {conditions.adx:.1f} (a trend is above 25), {_state(conditions)}",
    )


def _mean_reversion(conditions: MarketConditions) -> GroupScore:
    extreme = _ramp(abs(conditions.rsi - 50.0), 12.0, 22.0)
    match conditions.regime:
        case Regime.RANGING:
            confidence = _clear(conditions.regime_strength * (0.8 + 0.2 * extreme))
        case Regime.QUIET:
            confidence = 0.3 + 0.15 * extreme
        case _:
            confidence = 0.1 + 0.3 * extreme
    side = "oversold" if conditions.rsi < 50.0 else "overbought"
    words = f" ({side})" if extreme >= 0.5 else ""
    return GroupScore(
        StrategyGroup.MEAN_REVERSION,
        confidence,
        f"RSI {conditions.rsi:.1f}{words}, ADX {conditions.adx:.1f}, {_state(conditions)}",
    )


def _momentum(conditions: MarketConditions) -> GroupScore:
    spike = _ramp(conditions.volume_ratio, 1.5, 4.0)
    volatile = conditions.regime is Regime.VOLATILE
    confidence = _clear(conditions.regime_strength) if volatile else 0.1 + 0.35 * spike
    return GroupScore(
        StrategyGroup.MOMENTUM,
        confidence,
        f"volume {conditions.volume_ratio:.1f} × its median, {_state(conditions)}",
    )


def _market_making(conditions: MarketConditions) -> GroupScore:
    quiet = conditions.regime is Regime.QUIET
    calm = _ramp(conditions.volatility_ratio, 1.1, 0.6)
    confidence = _clear(conditions.regime_strength) if quiet else 0.4 * calm
    return GroupScore(
        StrategyGroup.MARKET_MAKING,
        confidence,
        f"volatility {conditions.volatility_ratio:.2f} × its week's, {_state(conditions)}",
    )


def _sentiment_based(conditions: MarketConditions, best_other: float) -> GroupScore:
    """Stands out when the world outside says something extreme, more so when the chart says little."""
    if not conditions.external_signals:
        return GroupScore(StrategyGroup.SENTIMENT_BASED, 0.0, "no external signals")
    sentiment = _feature(conditions, "sentiment")
    apart = _feature(conditions, "relative_strength_168")
    extreme = max(_ramp(abs(sentiment), 0.4, 0.7), _ramp(abs(apart), 1.2, 2.4))
    words = []
    if _feature(conditions, "sentiment_known"):
        words.append(f"sentiment {50.0 * (1.0 + sentiment):.0f} of 100")
    if _feature(conditions, "reference_known"):
        words.append(f"{apart:+.1f} usual weekly moves apart from the reference")
    return GroupScore(
        StrategyGroup.SENTIMENT_BASED,
        0.15 + 0.6 * extreme + 0.2 * (1.0 - best_other),
        ", ".join([*words, f"the other groups reach {best_other:.2f}"]),
    )


def _clear(strength: float) -> float:
    return _LEAST + (_BEST - _LEAST) * min(max(strength, 0.0), 1.0)


def _ramp(value: float, low: float, high: float) -> float:
    return min(max((value - low) / (high - low), 0.0), 1.0)


def _state(conditions: MarketConditions) -> str:
    return f"{conditions.regime.replace('_', ' ')} with strength {conditions.regime_strength:.2f}"


def _feature(conditions: MarketConditions, name: str) -> float:
    """0 when the row does not have it or does not know it."""
    row = conditions.features
    value = float(row.values[row.names.index(name)]) if name in row.names else 0.0
    return value if math.isfinite(value) else 0.0
