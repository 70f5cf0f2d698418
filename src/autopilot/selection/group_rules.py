"""The rule table: chooses the group of strategies that suits the market, if no learned model decides.

A group whose condition holds scores 0.35 to 0.95, higher for a clearer market. A group whose condition does not hold
scores at most 0.45. The scores order the groups; they are not probabilities.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np

from autopilot.analysis.entries import Numbers, Truths, either, larger, smaller
from autopilot.analysis.regime import DOWN, QUIET, RANGING, REGIMES, UP, VOLATILE
from autopilot.domain.candles import FloatArray
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.selection import GroupScore
from autopilot.domain.signal import STRATEGY_GROUPS

_BEST = 0.95
_LEAST = 0.35


@dataclass(frozen=True, slots=True, eq=False)
class RuleInputs:
    """The table's input for n candles, or for one (`analysis.entries`). ``regime`` int8[n] by code; ``external``
    bool[n]: whether sentiment or the reference is known; the others float64[n], with 0 for unknown ``sentiment`` and
    ``relative_strength``."""

    regime: Numbers
    regime_strength: Numbers
    adx: Numbers
    rsi: Numbers
    volume_ratio: Numbers
    volatility_ratio: Numbers
    external: Truths
    sentiment: Numbers
    relative_strength: Numbers


def score_groups(conditions: MarketConditions) -> tuple[GroupScore, ...]:
    """The scores of all five groups, best first; ties in the order of `StrategyGroup`."""
    features = dict(zip(conditions.features.names, conditions.features.values.tolist(), strict=True))
    confidences = _confidences(_inputs(conditions, features))
    reasons = _reasons(conditions, features, max(confidences[:-1]))
    scores = [GroupScore(*each) for each in zip(STRATEGY_GROUPS, confidences, reasons, strict=True)]
    return tuple(sorted(scores, key=lambda score: -score.confidence))


def group_confidences(at: RuleInputs) -> FloatArray:
    """Scores float64[5, n], in the order of `StrategyGroup`."""
    return np.stack(_confidences(at))


def _confidences(at: RuleInputs) -> list[Numbers]:
    """The score of each group."""
    clear = _LEAST + (_BEST - _LEAST) * _ramp(at.regime_strength, 0.0, 1.0)
    trending, quiet = (at.regime == UP) | (at.regime == DOWN), at.regime == QUIET
    extreme = _ramp(abs(at.rsi - 50.0), 12.0, 22.0)
    reverting = _LEAST + (_BEST - _LEAST) * _ramp(at.regime_strength * (0.8 + 0.2 * extreme), 0.0, 1.0)
    otherwise = either(quiet, 0.3 + 0.15 * extreme, 0.1 + 0.3 * extreme)
    others = [
        either(trending, clear, 0.4 * _ramp(at.adx, 18.0, 35.0)),
        either(at.regime == RANGING, reverting, otherwise),
        either(at.regime == VOLATILE, clear, 0.1 + 0.35 * _ramp(at.volume_ratio, 1.5, 4.0)),
        either(quiet, clear, 0.4 * _ramp(at.volatility_ratio, 1.1, 0.6)),
    ]
    # External signals count more if they are extreme, and if the other groups score low.
    outside = larger(_ramp(abs(at.sentiment), 0.4, 0.7), _ramp(abs(at.relative_strength), 1.2, 2.4))
    sentiment = either(at.external, 0.15 + 0.6 * outside + 0.2 * (1.0 - reduce(larger, others)), 0.0)
    return [*others, sentiment]


def _ramp(value: Numbers, low: float, high: float) -> Numbers:
    return smaller(larger((value - low) / (high - low), 0.0), 1.0)


def _inputs(conditions: MarketConditions, features: Mapping[str, float]) -> RuleInputs:
    return RuleInputs(
        regime=REGIMES.index(conditions.regime),
        regime_strength=conditions.regime_strength,
        adx=conditions.adx,
        rsi=conditions.rsi,
        volume_ratio=conditions.volume_ratio,
        volatility_ratio=conditions.volatility_ratio,
        external=conditions.external_signals,
        sentiment=_known(features, "sentiment"),
        relative_strength=_known(features, "relative_strength_168"),
    )


def _reasons(conditions: MarketConditions, features: Mapping[str, float], best_other: float) -> tuple[str, ...]:
    """Reasons of the scores, in the order of `StrategyGroup`."""
    state = f"{conditions.regime.replace('_', ' ')} with strength {conditions.regime_strength:.2f}"
    apart = conditions.rsi - 50.0
    side = (" (oversold)" if apart < 0.0 else " (overbought)") if abs(apart) >= 17.0 else ""
    return (
        f"ADX {conditions.adx:.1f} (above 25 is a trend), {state}",
        f"RSI {conditions.rsi:.1f}{side}, ADX {conditions.adx:.1f}, {state}",
        f"volume {conditions.volume_ratio:.1f} × its median, {state}",
        f"volatility {conditions.volatility_ratio:.2f} × the week's, {state}",
        _outside(conditions, features, best_other),
    )


def _outside(conditions: MarketConditions, features: Mapping[str, float], best_other: float) -> str:
    if not conditions.external_signals:
        return "no external signals"
    words = []
    if _known(features, "sentiment_known"):
        words.append(f"sentiment {50.0 * (1.0 + _known(features, 'sentiment')):.0f} of 100")
    if _known(features, "reference_known"):
        apart = _known(features, "relative_strength_168")
        words.append(f"{apart:+.1f} typical weekly moves relative to the reference")
    return ", ".join([*words, f"the best other group has {best_other:.2f}"])


def _known(features: Mapping[str, float], name: str) -> float:
    """The feature's value; 0 if it is missing or not finite."""
    value = features.get(name, 0.0)
    return value if math.isfinite(value) else 0.0
