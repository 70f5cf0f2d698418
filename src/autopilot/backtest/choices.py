"""The chosen strategy and its confidence at each candle, for whole series at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, Int8Array, IntArray
from autopilot.domain.signal import STRATEGY_GROUPS, StrategyGroup
from autopilot.performance.performance_tracker import PRIOR_WEIGHT
from autopilot.selection.group_rules import group_confidences
from autopilot.selection.strategy_rules import StrategyProfile, best_of_groups, fit_of, strategy_scores
from autopilot.selection.track_record import shrunk_mean
from autopilot.training.data.series import SymbolSeries

RULES = -1
"""The model number of a choice by the rule table."""


@dataclass(frozen=True, slots=True, eq=False)
class BacktestChoices:
    """The choices at the n decided candles, which begin at index ``first`` of the series.

    ``picks`` int64[n, 5]: the strategy (its column) that the in-group rules pick in each group; ``group`` and
    ``strategy`` int64[n]: the choice; ``group_confidence``, ``strategy_confidence`` float64[n]; ``edge_bps`` and
    ``novelty`` float64[n]: the model's, NaN for the rule table; ``model`` int64[n]: its number, or `RULES`.
    """

    first: int
    picks: IntArray
    group: IntArray
    strategy: IntArray
    group_confidence: FloatArray
    strategy_confidence: FloatArray
    edge_bps: FloatArray
    novelty: FloatArray
    model: IntArray

    def __len__(self) -> int:
        return len(self.group)


def rule_choices(
    series: Sequence[SymbolSeries], firsts: Sequence[int], profiles: Sequence[StrategyProfile]
) -> list[BacktestChoices]:
    """The choices of the rule table for each symbol. ``series`` are in the order in which symbols decide at the same
    close; ``firsts``: the first decided candle of each."""
    return [_rule_choices(series, firsts, rank, profiles) for rank in range(len(series))]


def group_choices(choices: BacktestChoices, group: StrategyGroup) -> BacktestChoices:
    """The same picks with this group always chosen, at full confidence."""
    column = STRATEGY_GROUPS.index(group)
    return _sure(choices.first, choices.picks, np.full(len(choices), column), choices.picks[:, column])


def strategy_choices(length: int, first: int, profiles: Sequence[StrategyProfile], name: str) -> BacktestChoices:
    """This strategy always chosen at full confidence, from candle ``first`` of ``length`` on."""
    column = next(at for at, each in enumerate(profiles) if each.name == name)
    count = length - first
    picks = np.full((count, len(STRATEGY_GROUPS)), column)
    return _sure(first, picks, np.full(count, STRATEGY_GROUPS.index(profiles[column].group)), np.full(count, column))


def _sure(first: int, picks: IntArray, group: IntArray, strategy: IntArray) -> BacktestChoices:
    sure, unknown = np.ones(len(group)), np.full(len(group), np.nan)
    return BacktestChoices(first, picks, group, strategy, sure, sure, unknown, unknown, np.full(len(group), RULES))


def _rule_choices(
    series: Sequence[SymbolSeries], firsts: Sequence[int], rank: int, profiles: Sequence[StrategyProfile]
) -> BacktestChoices:
    own, first = series[rank], firsts[rank]
    at = np.arange(first, len(own.view.candles))
    sides, (strength, confidence) = own.sides(at), own.presence(at)
    fit = fit_of(profiles)[:, own.view.regimes.codes[at]]
    scores = strategy_scores(fit, _recent_bps(series, firsts, rank, at), sides, strength, confidence)
    picks = best_of_groups(profiles, scores)
    groups = group_confidences(own.rule_inputs(at))
    there = np.array([any(each.group is group for each in profiles) for group in STRATEGY_GROUPS])
    group = np.where(there[:, None], groups, -np.inf).argmax(axis=0)
    every = np.arange(len(at))
    strategy = picks[every, group]
    speaks = sides[strategy, every] != 0
    unknown = np.full(len(at), np.nan)
    return BacktestChoices(
        first=first,
        picks=picks,
        group=group,
        strategy=strategy,
        group_confidence=groups[group, every],
        strategy_confidence=np.where(speaks, confidence[strategy, every], 0.0),
        edge_bps=unknown,
        novelty=unknown,
        model=np.full(len(at), RULES),
    )


def _recent_bps(series: Sequence[SymbolSeries], firsts: Sequence[int], rank: int, at: IntArray) -> FloatArray:
    """float64[s, m]: the recent mean of each strategy on this symbol at its candles ``at``, in bps."""
    own = series[rank]
    closed_ms = own.view.candles.open_at_ms[at] + own.view.timeframe.ms
    sums, counts = own.records.sums[-1][:, at].copy(), own.records.counts[-1][:, at].copy()
    all_sums, all_counts = sums.copy(), counts.copy()
    for other in range(len(series)):
        if other == rank:
            continue
        theirs = series[other]
        closes = theirs.view.candles.open_at_ms + theirs.view.timeframe.ms
        # A symbol that decides earlier at the same close has already matured its samples.
        index = np.searchsorted(closes, closed_ms, side="right" if other < rank else "left") - 1
        known = index >= firsts[other]
        all_sums[:, known] += theirs.records.sums[-1][:, index[known]]
        all_counts[:, known] += theirs.records.counts[-1][:, index[known]]
    return shrunk_mean(sums, counts, all_sums, all_counts, PRIOR_WEIGHT) * 1e4


def speaking(series: SymbolSeries, choices: BacktestChoices) -> Int8Array:
    """int8[n]: the side of the chosen strategy's signal at each decided candle."""
    at = np.arange(choices.first, choices.first + len(choices))
    return series.sides(at)[choices.strategy, np.arange(len(choices))]
