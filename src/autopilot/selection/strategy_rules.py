"""Which strategy of a group: by how it suits the regime, how it did lately, and whether it says anything now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.regime import REGIMES
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.conditions import Regime
from autopilot.domain.selection import StrategyScore
from autopilot.domain.signal import STRATEGY_GROUPS, SideArray, SignalType, StrategyGroup, StrategySignal
from autopilot.selection.track_record import TrackRecord
from autopilot.strategies.base import Strategy

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


def profiles_of(strategies: Iterable[Strategy]) -> tuple[StrategyProfile, ...]:
    """In their order."""
    return tuple(StrategyProfile(each.name, each.group, dict(each.regime_fit)) for each in strategies)


def score_strategies(
    profiles: Sequence[StrategyProfile],
    regime: Regime,
    signals: Mapping[str, StrategySignal],
    track_record: TrackRecord,
) -> tuple[StrategyScore, ...]:
    """All of ``profiles``, best first; of equals, by name. A strategy without an entry in ``signals`` says nothing.

    ``confidence`` is that of the signal, 0 without one.
    """
    said = [signals.get(profile.name) for profile in profiles]
    speaks = [signal is not None and signal.signal_type is not SignalType.NONE for signal in said]
    fit = np.array([profile.regime_fit.get(regime, 0.0) for profile in profiles])
    recent = np.array([track_record.recent_return_bps(profile.name) for profile in profiles])
    confidence = np.array([one.confidence if one and loud else 0.0 for one, loud in zip(said, speaks, strict=True)])
    strength = np.array([one.strength if one and loud else 0.0 for one, loud in zip(said, speaks, strict=True)])
    found = strategy_scores(fit, recent, np.array(speaks, dtype=np.int8), strength, confidence)
    columns = zip(profiles, found.tolist(), fit.tolist(), recent.tolist(), confidence.tolist(), strict=True)
    scores = [StrategyScore(profile.name, profile.group, *numbers) for profile, *numbers in columns]
    return tuple(sorted(scores, key=lambda score: (-score.score, score.strategy)))


def strategy_scores(
    fit: FloatArray, recent_bps: FloatArray, side: SideArray, strength: FloatArray, confidence: FloatArray
) -> FloatArray:
    """What orders the strategies, of arrays that go together; ``side`` is 0 where a strategy says nothing.

    A present signal counts 0.10 to 0.20 of a score, so that of two alike the one that speaks is chosen; a record can
    take away 0.22, so that a losing one is not chosen just because it speaks.
    """
    record = 0.5 + 0.5 * np.tanh(recent_bps / RECORD_SCALE_BPS)
    presence = np.where(side != 0, 0.5 + 0.5 * strength * confidence, 0.0)
    return np.asarray(FIT_WEIGHT * fit + RECORD_WEIGHT * record + SIGNAL_WEIGHT * presence)


def fit_of(profiles: Sequence[StrategyProfile]) -> FloatArray:
    """float64[s, regimes]: how each strategy suits each regime, by its code."""
    return np.array([[profile.regime_fit.get(regime, 0.0) for regime in REGIMES] for profile in profiles])


def best_of_groups(profiles: Sequence[StrategyProfile], scores: FloatArray) -> IntArray:
    """int64[n, 5]: the column of the strategy that is chosen in each group, given scores float64[s, n]; of equals the
    first by name. 0 for a group that has no strategy."""
    picks = np.zeros((scores.shape[1], len(STRATEGY_GROUPS)), dtype=np.int64)
    for at, group in enumerate(STRATEGY_GROUPS):
        members = sorted((each.name, column) for column, each in enumerate(profiles) if each.group is group)
        if members:
            columns = np.array([column for _, column in members])
            picks[:, at] = columns[scores[columns].argmax(axis=0)]
    return picks
