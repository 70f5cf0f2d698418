"""The chosen strategy and its confidence at each candle, for whole series at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import FloatArray, Int8Array, Int16Array, IntArray
from autopilot.domain.signal import STRATEGY_GROUPS, StrategyGroup
from autopilot.performance.performance_tracker import PRIOR_WEIGHT
from autopilot.selection.strategy_rules import StrategyProfile, best_of_groups, fit_of, strategy_scores
from autopilot.selection.track_record import shrunk_mean
from autopilot.training.data.series import CHUNK, SymbolSeries

RULES = -1
"""The model number of a choice by the rule table."""


@dataclass(frozen=True, slots=True, eq=False)
class BacktestChoices:
    """The choices at the n decided candles, which begin at index ``first`` of the series.

    ``picks`` int16[n, 5]: the strategy (its column) that the in-group rules pick in each group; ``group`` int8[n] and
    ``strategy`` int16[n]: the choice; ``group_confidence``, ``strategy_confidence`` float64[n]; ``edge_bps`` and
    ``novelty`` float64[n]: the model's, NaN for the rule table; ``model`` int16[n]: its number, or `RULES`. Those that
    are the same everywhere may be stored once, and none is written to.
    """

    first: int
    picks: Int16Array
    group: Int8Array
    strategy: Int16Array
    group_confidence: FloatArray
    strategy_confidence: FloatArray
    edge_bps: FloatArray
    novelty: FloatArray
    model: Int16Array

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
    return _sure(choices.first, choices.picks, column, choices.picks[:, column])


def strategy_choices(length: int, first: int, profiles: Sequence[StrategyProfile], name: str) -> BacktestChoices:
    """This strategy always chosen at full confidence, from candle ``first`` of ``length`` on."""
    column = next(at for at, each in enumerate(profiles) if each.name == name)
    strategy = np.broadcast_to(np.int16(column), length - first)
    picks = np.broadcast_to(np.int16(column), (len(strategy), len(STRATEGY_GROUPS)))
    return _sure(first, picks, STRATEGY_GROUPS.index(profiles[column].group), strategy)


def _sure(first: int, picks: Int16Array, group: int, strategy: Int16Array) -> BacktestChoices:
    count = len(strategy)
    sure, unknown = np.broadcast_to(1.0, count), np.broadcast_to(np.nan, count)
    groups, rules = np.broadcast_to(np.int8(group), count), np.broadcast_to(np.int16(RULES), count)
    return BacktestChoices(first, picks, groups, strategy, sure, sure, unknown, unknown, rules)


def _rule_choices(
    series: Sequence[SymbolSeries], firsts: Sequence[int], rank: int, profiles: Sequence[StrategyProfile]
) -> BacktestChoices:
    own, first = series[rank], firsts[rank]
    count = len(own.candles) - first
    picks = np.empty((count, len(STRATEGY_GROUPS)), dtype=np.int16)
    strategy, strategy_confidence = np.empty(count, dtype=np.int16), np.empty(count)
    group, fit = own.rule_group[first:], fit_of(profiles)
    for begin in range(0, count, CHUNK):
        part = slice(begin, min(begin + CHUNK, count))
        at = np.arange(first + begin, first + part.stop)
        signals = own.signals.between(first + begin, first + part.stop)
        sides, strength, confidence = (
            signals.spread(values, at) for values in (signals.side, signals.strength, signals.confidence)
        )
        recent, number = _recent_bps(series, firsts, rank, at)
        scores = strategy_scores(fit[:, own.regimes[at]], recent[:, number], sides, strength, confidence)
        picks[part] = best_of_groups(profiles, scores)
        every = np.arange(len(at))
        strategy[part] = picks[part][every, group[part]]
        # A silent strategy has a confidence of 0.
        strategy_confidence[part] = confidence[strategy[part], every]
    unknown = np.broadcast_to(np.nan, count)
    return BacktestChoices(
        first=first,
        picks=picks,
        group=group,
        strategy=strategy,
        group_confidence=own.rule_confidence[first:],
        strategy_confidence=strategy_confidence,
        edge_bps=unknown,
        novelty=unknown,
        model=np.broadcast_to(np.int16(RULES), count),
    )


def _recent_bps(
    series: Sequence[SymbolSeries], firsts: Sequence[int], rank: int, at: IntArray
) -> tuple[FloatArray, IntArray]:
    """(float64[s, r], int64[m]): the recent means of each strategy on this symbol in bps, at the r candles of ``at``
    from which on they stay the same, and which of them is in force at each of the m candles ``at``."""
    own = series[rank]
    closed_ms = own.candles.open_at_ms[at] + own.candles.timeframe.ms
    numbers = [own.records.at(at)]
    others = [number for number in range(len(series)) if number != rank]
    for other in others:
        theirs = series[other]
        closes = theirs.candles.open_at_ms + theirs.candles.timeframe.ms
        # A symbol that decides earlier at the same close has already matured its samples.
        index = np.searchsorted(closes, closed_ms, side="right" if other < rank else "left") - 1
        numbers.append(np.where(index >= firsts[other], theirs.records.at(index), -1))
    changed = np.any([np.diff(number, prepend=-2) != 0 for number in numbers], axis=0)
    own_number, *their_numbers = (number[changed] for number in numbers)
    sums, counts = own.records.totals[-1][:, :, own_number]
    all_sums, all_counts = sums.copy(), counts.copy()
    for other, number in zip(others, their_numbers, strict=True):
        known = number >= 0
        total = series[other].records.totals[-1][:, :, number[known]]
        all_sums[:, known] += total[0]
        all_counts[:, known] += total[1]
    return shrunk_mean(sums, counts, all_sums, all_counts, PRIOR_WEIGHT) * 1e4, np.cumsum(changed) - 1


def speaking(series: SymbolSeries, choices: BacktestChoices) -> tuple[IntArray, Int8Array]:
    """The decided candles at which the chosen strategy has a signal, int64[k], ascending, and its side int8[k]."""
    signals = series.signals.between(choices.first, choices.first + len(choices))
    chosen = choices.strategy[signals.at - choices.first] == signals.strategy
    order = np.argsort(signals.at[chosen])
    return signals.at[chosen][order], signals.side[chosen][order]
