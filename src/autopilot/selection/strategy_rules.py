"""The rules that choose a strategy inside a group: regime fit, recent return, and present signal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.regime import REGIMES
from autopilot.domain.candles import FloatArray, Int8Array, IntArray
from autopilot.domain.conditions import Regime
from autopilot.domain.selection import StrategyScore
from autopilot.domain.signal import STRATEGY_GROUPS, SignalType, StrategyGroup, StrategySignal
from autopilot.strategies.base import Strategy

FIT_WEIGHT = 0.35
RECORD_WEIGHT = 0.45
SIGNAL_WEIGHT = 0.20
RECORD_SCALE_BPS = 50.0
"""The scale of mean net returns: returns far beyond it hardly change a score."""


@dataclass(frozen=True, slots=True, eq=False)
class StrategyProfile:
    """A strategy as the selection sees it. ``regime_fit`` in [0, 1]; a missing regime counts as 0."""

    name: str
    group: StrategyGroup
    regime_fit: Mapping[Regime, float]


def profiles_of(strategies: Iterable[Strategy]) -> tuple[StrategyProfile, ...]:
    """The strategies' profiles, in the same order."""
    return tuple(StrategyProfile(each.name, each.group, dict(each.regime_fit)) for each in strategies)


def score_strategies(
    profiles: Sequence[StrategyProfile],
    regime: Regime,
    signals: Mapping[str, StrategySignal],
    recent_bps: Mapping[str, float],
) -> tuple[StrategyScore, ...]:
    """The scores of all ``profiles``, best first; ties by name. A strategy without an entry in ``signals`` is silent.

    ``recent_bps``: the mean net return over the horizon in bps; 0 for a strategy that it lacks. ``confidence`` is the
    signal's, 0 without a signal.
    """
    said = [signals.get(profile.name) for profile in profiles]
    speaks = [signal is not None and signal.signal_type is not SignalType.NONE for signal in said]
    fit = np.array([profile.regime_fit.get(regime, 0.0) for profile in profiles])
    recent = np.array([recent_bps.get(profile.name, 0.0) for profile in profiles])
    confidence = np.array([one.confidence if one and loud else 0.0 for one, loud in zip(said, speaks, strict=True)])
    strength = np.array([one.strength if one and loud else 0.0 for one, loud in zip(said, speaks, strict=True)])
    found = strategy_scores(fit, recent, np.array(speaks, dtype=np.int8), strength, confidence)
    columns = zip(profiles, found.tolist(), fit.tolist(), recent.tolist(), confidence.tolist(), strict=True)
    scores = [StrategyScore(profile.name, profile.group, *numbers) for profile, *numbers in columns]
    return tuple(sorted(scores, key=lambda score: (-score.score, score.strategy)))


def strategy_scores(
    fit: FloatArray, recent_bps: FloatArray, side: Int8Array, strength: FloatArray, confidence: FloatArray
) -> FloatArray:
    """Scores from arrays of the same shape; ``side`` is 0 for a silent strategy.

    A present signal adds 0.10 to 0.20, so that it decides between two similar strategies. A bad record subtracts up to
    0.22, so that a losing strategy is not chosen only because it has a signal.
    """
    record = 0.5 + 0.5 * np.tanh(recent_bps / RECORD_SCALE_BPS)
    presence = np.where(side != 0, 0.5 + 0.5 * strength * confidence, 0.0)
    return np.asarray(FIT_WEIGHT * fit + RECORD_WEIGHT * record + SIGNAL_WEIGHT * presence)


def fit_of(profiles: Sequence[StrategyProfile]) -> FloatArray:
    """float64[s, regimes]: regime fit of each strategy, by regime code."""
    return np.array([[profile.regime_fit.get(regime, 0.0) for regime in REGIMES] for profile in profiles])


def group_of(profiles: Sequence[StrategyProfile]) -> IntArray:
    """int64[s]: the index of each strategy's group in `STRATEGY_GROUPS`."""
    return np.array([STRATEGY_GROUPS.index(each.group) for each in profiles], dtype=np.int64)


def best_of_groups(profiles: Sequence[StrategyProfile], scores: FloatArray) -> IntArray:
    """int64[n, 5]: column of the best strategy of each group by scores float64[s, n]; ties by name. 0 for a group
    without strategies."""
    picks = np.zeros((scores.shape[1], len(STRATEGY_GROUPS)), dtype=np.int64)
    for at, group in enumerate(STRATEGY_GROUPS):
        members = sorted((each.name, column) for column, each in enumerate(profiles) if each.group is group)
        if members:
            columns = np.array([column for _, column in members])
            picks[:, at] = columns[scores[columns].argmax(axis=0)]
    return picks
