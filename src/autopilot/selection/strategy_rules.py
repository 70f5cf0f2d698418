"""Which strategy of a group: by how it suits the regime, how it did lately, and whether it says anything now."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopilot.domain.conditions import Regime
from autopilot.domain.selection import StrategyScore
from autopilot.domain.signal import SignalType, StrategyGroup, StrategySignal
from autopilot.selection.track_record import TrackRecord

FIT_WEIGHT = 0.35
RECORD_WEIGHT = 0.45
SIGNAL_WEIGHT = 0.20
RECORD_SCALE_BPS = 50.0
"""A mean net return this far from zero is telling; what lies far beyond says little more."""


@dataclass(frozen=True, slots=True, eq=False)
class StrategyProfile:
    """What the selection needs to know of a strategy. ``regime_fit`` in [0, 1]; a regime not named counts 0."""

    name: str
    group: StrategyGroup
    regime_fit: Mapping[Regime, float]


def score_strategies(
    profiles: Sequence[StrategyProfile],
    regime: Regime,
    signals: Mapping[str, StrategySignal],
    track_record: TrackRecord,
) -> tuple[StrategyScore, ...]:
    """All of ``profiles``, best first; of equals, by name. A strategy without an entry in ``signals`` says nothing.

    A present signal counts 0.10 to 0.20 of a score, so that of two alike the one that speaks is chosen; a record can
    take away 0.22, so that a losing one is not chosen just because it speaks. ``confidence`` is that of the signal, 0
    without one.
    """
    scores = [_score(profile, regime, signals.get(profile.name), track_record) for profile in profiles]
    return tuple(sorted(scores, key=lambda score: (-score.score, score.strategy)))


def _score(
    profile: StrategyProfile, regime: Regime, signal: StrategySignal | None, track_record: TrackRecord
) -> StrategyScore:
    fit = profile.regime_fit.get(regime, 0.0)
    recent = track_record.recent_return_bps(profile.name)
    record = 0.5 + 0.5 * math.tanh(recent / RECORD_SCALE_BPS)
    speaks = signal is not None and signal.signal_type is not SignalType.NONE
    presence = 0.5 + 0.5 * signal.strength * signal.confidence if signal is not None and speaks else 0.0
    return StrategyScore(
        strategy=profile.name,
        group=profile.group,
        score=FIT_WEIGHT * fit + RECORD_WEIGHT * record + SIGNAL_WEIGHT * presence,
        regime_fit=fit,
        recent_return_bps=recent,
        confidence=signal.confidence if signal is not None and speaks else 0.0,
    )
