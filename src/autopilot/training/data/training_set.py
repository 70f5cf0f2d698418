"""The samples of all symbols in order of time, with the strategy that the rules would have picked at each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.performance.performance_tracker import PRIOR_WEIGHT
from autopilot.selection.strategy_rules import StrategyProfile, best_of_groups, fit_of, strategy_scores
from autopilot.selection.track_record import shrunk_mean
from autopilot.training.data.history import Samples, SymbolRows

NO_GROUP = len(STRATEGY_GROUPS)
"""The class of a sample at which no group had a gain."""
CLIP = 3.0
"""Targets are clipped at this multiple of the usual move, so that a few wild days do not dominate the training."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingSet(Samples):
    """The samples of all symbols, ``n`` by time, then symbol; s strategies, g groups.

    ``names``: of the features; ``returns`` float64[n, s], NaN without a label; ``picks`` int64[n, g]:
    the strategy (its column) that the in-group rules would have picked; ``best_past`` int64[n]: the strategy with the
    best record then; ``latest`` float64[n, s]: the outcomes that had just matured; ``symbol``
    int64[n]: index into ``symbols``.
    """

    names: tuple[str, ...]
    strategies: tuple[StrategyProfile, ...]
    symbols: tuple[str, ...]
    returns: FloatArray
    picks: IntArray
    best_past: IntArray
    latest: FloatArray
    symbol: IntArray

    @property
    def group_returns(self) -> FloatArray:
        """float64[n, g]: the returns of the strategy picked at that time, never of the best in hindsight."""
        return np.take_along_axis(self.returns, self.picks, axis=1)

    @property
    def classes(self) -> IntArray:
        """int64[n]: the group whose pick earned most; `NO_GROUP` without a gain."""
        earned = np.where(np.isfinite(self.group_returns), self.group_returns, -np.inf)
        best = earned.argmax(axis=1)
        return np.where(earned.max(axis=1) > 0.0, best, NO_GROUP)

    def targets(self, returns: FloatArray) -> FloatArray:
        """``returns`` float64[n, j] in multiples of the usual move over the horizon, clipped."""
        return np.clip(returns / self.unit[:, None], -CLIP, CLIP)

    def digest(self) -> str:
        """SHA-256 of the inputs and labels, in hexadecimal."""
        found = hashlib.sha256()
        for name in (*self.names, *self.symbols, *(each.name for each in self.strategies)):
            found.update(name.encode() + b"\0")
        for array in (self.features, self.returns, self.picks, self.at_ms, self.matured_ms, self.symbol, self.unit):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def training_set(
    rows: Sequence[SymbolRows], names: tuple[str, ...], profiles: Sequence[StrategyProfile]
) -> TrainingSet:
    """The samples of all symbols, in an order that does not depend on that of ``rows``."""
    rows = sorted((each for each in rows if len(each)), key=lambda each: each.symbol)
    totals = _totals(rows, len(profiles))
    chosen = [_choices(each, profiles, *both) for each, both in zip(rows, totals, strict=True)]
    at_ms = np.concatenate([np.empty(0, dtype=np.int64), *(each.at_ms for each in rows)])
    symbol = np.repeat(np.arange(len(rows)), [len(each) for each in rows])
    order = np.lexsort((symbol, at_ms))

    def column(parts: Sequence[NDArray[np.generic]], *width: int) -> NDArray[np.generic]:
        return np.concatenate(parts)[order] if parts else np.empty((0, *width))

    count = len(profiles)
    return TrainingSet(
        names=names,
        strategies=tuple(profiles),
        symbols=tuple(each.symbol for each in rows),
        features=column([each.features for each in rows], len(names)).astype(np.float64),
        returns=column([each.returns.T for each in rows], count).astype(np.float64),
        picks=column([picks for picks, _ in chosen], len(STRATEGY_GROUPS)).astype(np.int64),
        best_past=column([best for _, best in chosen]).astype(np.int64),
        latest=column([each.latest.T for each in rows], count).astype(np.float64),
        at_ms=at_ms[order],
        matured_ms=column([each.matured_ms for each in rows]).astype(np.int64),
        symbol=symbol[order],
        unit=column([each.unit for each in rows]).astype(np.float64),
        hold=column([each.hold for each in rows]).astype(np.float64),
        regime=column([each.regime for each in rows]).astype(np.int8),
        rule_group=column([each.rule_group for each in rows]).astype(np.int64),
    )


def _totals(rows: Sequence[SymbolRows], strategies: int) -> list[tuple[FloatArray, FloatArray]]:
    """For each symbol: sums and counts float64[s, m] over all symbols, at each of its samples. Other symbols count with
    their latest sample up to that moment."""
    totals = []
    for own in rows:
        sums, counts = np.zeros((strategies, len(own))), np.zeros((strategies, len(own)))
        for other in rows:
            index = np.searchsorted(other.at_ms, own.at_ms, side="right") - 1
            seen = index >= 0
            sums[:, seen] += other.sums[:, index[seen]]
            counts[:, seen] += other.counts[:, index[seen]]
        totals.append((sums, counts))
    return totals


def _choices(
    rows: SymbolRows, profiles: Sequence[StrategyProfile], sums: FloatArray, counts: FloatArray
) -> tuple[IntArray, IntArray]:
    """The rules' pick in each group, int64[m, g], and the strategy with the best record, int64[m]."""
    record = shrunk_mean(rows.sums, rows.counts, sums, counts, PRIOR_WEIGHT) * 1e4
    scores = strategy_scores(fit_of(profiles)[:, rows.regime], record, rows.side, *rows.presence)
    return best_of_groups(profiles, scores), record.argmax(axis=0)
