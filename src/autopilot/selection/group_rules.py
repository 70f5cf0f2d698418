"""The rule table: chooses the group of strategies that suits the market, if no learned model decides.

A group whose condition holds scores 0.35 to 0.95, higher for a clearer market. A group whose condition does not hold
scores at most 0.45. The scores order the groups; they are not probabilities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.regime import DOWN, QUIET, RANGING, REGIMES, UP, VOLATILE
from autopilot.domain.candles import BoolArray, FloatArray, Int8Array
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.selection import GroupScore
from autopilot.domain.signal import STRATEGY_GROUPS

_BEST = 0.95
_LEAST = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class RuleInputs:
    """The table's input for n candles. ``regime`` int8[n] by code; ``external`` bool[n]: whether sentiment or the
    reference is known; the others float64[n], with 0 for unknown ``sentiment`` and ``relative_strength``."""

    regime: Int8Array
    regime_strength: FloatArray
    adx: FloatArray
    rsi: FloatArray
    volume_ratio: FloatArray
    volatility_ratio: FloatArray
    external: BoolArray
    sentiment: FloatArray
    relative_strength: FloatArray


def score_groups(conditions: MarketConditions) -> tuple[GroupScore, ...]:
    """The scores of all five groups, best first; ties in the order of `StrategyGroup`."""
    confidences = group_confidences(_inputs(conditions))[:, 0].tolist()
    reasons = _reasons(conditions, max(confidences[:-1]))
    scores = [GroupScore(*each) for each in zip(STRATEGY_GROUPS, confidences, reasons, strict=True)]
    return tuple(sorted(scores, key=lambda score: -score.confidence))


def group_confidences(at: RuleInputs) -> FloatArray:
    """Scores float64[5, n], in the order of `StrategyGroup`."""
    clear = _LEAST + (_BEST - _LEAST) * _ramp(at.regime_strength, 0.0, 1.0)
    trending = (at.regime == UP) | (at.regime == DOWN)
    extreme = _ramp(np.abs(at.rsi - 50.0), 12.0, 22.0)
    reverting = _LEAST + (_BEST - _LEAST) * _ramp(at.regime_strength * (0.8 + 0.2 * extreme), 0.0, 1.0)
    others = np.stack(
        [
            np.where(trending, clear, 0.4 * _ramp(at.adx, 18.0, 35.0)),
            np.where(
                at.regime == RANGING,
                reverting,
                np.where(at.regime == QUIET, 0.3 + 0.15 * extreme, 0.1 + 0.3 * extreme),
            ),
            np.where(at.regime == VOLATILE, clear, 0.1 + 0.35 * _ramp(at.volume_ratio, 1.5, 4.0)),
            np.where(at.regime == QUIET, clear, 0.4 * _ramp(at.volatility_ratio, 1.1, 0.6)),
        ]
    )
    # External signals count more if they are extreme, and if the other groups score low.
    outside = np.maximum(_ramp(np.abs(at.sentiment), 0.4, 0.7), _ramp(np.abs(at.relative_strength), 1.2, 2.4))
    sentiment = np.where(at.external, 0.15 + 0.6 * outside + 0.2 * (1.0 - others.max(axis=0)), 0.0)
    return np.concatenate([others, sentiment[None]])


def _ramp(value: FloatArray, low: float, high: float) -> FloatArray:
    return np.minimum(np.maximum((value - low) / (high - low), 0.0), 1.0)


def _inputs(conditions: MarketConditions) -> RuleInputs:
    return RuleInputs(
        regime=np.array([REGIMES.index(conditions.regime)], dtype=np.int8),
        regime_strength=np.array([conditions.regime_strength]),
        adx=np.array([conditions.adx]),
        rsi=np.array([conditions.rsi]),
        volume_ratio=np.array([conditions.volume_ratio]),
        volatility_ratio=np.array([conditions.volatility_ratio]),
        external=np.array([conditions.external_signals]),
        sentiment=np.array([_feature(conditions, "sentiment")]),
        relative_strength=np.array([_feature(conditions, "relative_strength_168")]),
    )


def _reasons(conditions: MarketConditions, best_other: float) -> tuple[str, ...]:
    """Reasons of the scores, in the order of `StrategyGroup`."""
    state = f"{conditions.regime.replace('_', ' ')} with strength {conditions.regime_strength:.2f}"
    apart = conditions.rsi - 50.0
    side = (" (oversold)" if apart < 0.0 else " (overbought)") if abs(apart) >= 17.0 else ""
    return (
        f"ADX {conditions.adx:.1f} (above 25 is a trend), {state}",
        f"RSI {conditions.rsi:.1f}{side}, ADX {conditions.adx:.1f}, {state}",
        f"volume {conditions.volume_ratio:.1f} × its median, {state}",
        f"volatility {conditions.volatility_ratio:.2f} × the week's, {state}",
        _outside(conditions, best_other),
    )


def _outside(conditions: MarketConditions, best_other: float) -> str:
    if not conditions.external_signals:
        return "no external signals"
    words = []
    if _feature(conditions, "sentiment_known"):
        words.append(f"sentiment {50.0 * (1.0 + _feature(conditions, 'sentiment')):.0f} of 100")
    if _feature(conditions, "reference_known"):
        apart = _feature(conditions, "relative_strength_168")
        words.append(f"{apart:+.1f} typical weekly moves relative to the reference")
    return ", ".join([*words, f"the best other group has {best_other:.2f}"])


def _feature(conditions: MarketConditions, name: str) -> float:
    """The feature's value; 0 if it is missing or not finite."""
    row = conditions.features
    value = float(row.values[row.names.index(name)]) if name in row.names else 0.0
    return value if math.isfinite(value) else 0.0
