"""The rows of all symbols together, in order of time, and what the in-group rules would have picked at each."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import FloatArray, IntArray
from autopilot.performance.performance_tracker import PRIOR_WEIGHT
from autopilot.selection.strategy_rules import StrategyProfile, best_of_groups, fit_of, strategy_scores
from autopilot.selection.track_record import shrunk_mean
from autopilot.training.data.history import GROUPS, SymbolRows

NO_GROUP = len(GROUPS)
"""The class of a sample at which no group earned anything."""
CLIP = 3.0
"""Targets are clipped at so many usual moves: a few wild days must not decide what is learned."""


@dataclass(frozen=True, slots=True, eq=False)
class TrainingSet:
    """``n`` samples by time, then symbol; s strategies, g groups.

    ``features`` float64[n, k] named ``names``; ``returns`` float64[n, s], NaN without a label; ``picks`` int64[n, g]:
    the strategy (its column) that the in-group rules would have taken; ``best_past`` int64[n]: that with the best
    record then; ``latest`` float64[n, s]: the outcomes that had just matured. The rest as in `SymbolRows`; ``symbol``
    int64[n] into ``symbols``.
    """

    names: tuple[str, ...]
    strategies: tuple[StrategyProfile, ...]
    symbols: tuple[str, ...]
    features: FloatArray
    returns: FloatArray
    picks: IntArray
    best_past: IntArray
    latest: FloatArray
    at_ms: IntArray
    matured_ms: IntArray
    symbol: IntArray
    unit: FloatArray
    hold: FloatArray
    regime: NDArray[np.int8]
    rule_group: IntArray

    def __len__(self) -> int:
        return len(self.at_ms)

    @property
    def group_returns(self) -> FloatArray:
        """float64[n, g]: of the strategy picked at that time, never of the best in hindsight."""
        return np.take_along_axis(self.returns, self.picks, axis=1)

    @property
    def classes(self) -> IntArray:
        """int64[n]: the group whose pick earned most, `NO_GROUP` when none earned anything."""
        earned = np.where(np.isfinite(self.group_returns), self.group_returns, -np.inf)
        best = earned.argmax(axis=1)
        return np.where(earned.max(axis=1) > 0.0, best, NO_GROUP)

    def targets(self, returns: FloatArray) -> FloatArray:
        """Returns float64[n, j] in usual moves over the horizon, clipped."""
        clipped: FloatArray = np.clip(returns / self.unit[:, None], -CLIP, CLIP)
        return clipped

    def digest(self) -> str:
        """SHA-256 of everything that is learned from."""
        found = hashlib.sha256()
        for name in (*self.names, *self.symbols, *(each.name for each in self.strategies)):
            found.update(name.encode() + b"\0")
        for array in (self.features, self.returns, self.picks, self.at_ms, self.matured_ms, self.symbol, self.unit):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def training_set(
    rows: Sequence[SymbolRows], names: tuple[str, ...], profiles: Sequence[StrategyProfile]
) -> TrainingSet:
    """Of the rows of all symbols, in an order that does not depend on that of ``rows``."""
    rows = sorted((each for each in rows if len(each.at_ms)), key=lambda each: each.symbol)
    everyone = _everyone(rows, len(profiles))
    chosen = [_choices(each, profiles, *totals) for each, totals in zip(rows, everyone, strict=True)]
    at_ms = _joined([each.at_ms for each in rows], np.int64)
    symbol = np.repeat(np.arange(len(rows)), [len(each.at_ms) for each in rows])
    order = np.lexsort((symbol, at_ms))

    def column(parts: Sequence[NDArray[np.generic]], width: int | None = None) -> NDArray[np.generic]:
        empty = np.empty((0,) if width is None else (0, width))
        return np.concatenate(parts)[order] if parts else empty

    count = len(profiles)
    return TrainingSet(
        names=names,
        strategies=tuple(profiles),
        symbols=tuple(each.symbol for each in rows),
        features=column([each.features for each in rows], len(names)).astype(np.float64),
        returns=column([each.returns.T for each in rows], count).astype(np.float64),
        picks=column([picks for picks, _ in chosen], len(GROUPS)).astype(np.int64),
        best_past=column([best for _, best in chosen]).astype(np.int64),
        latest=column([each.latest.T for each in rows], count).astype(np.float64),
        at_ms=at_ms[order],
        matured_ms=_joined([each.matured_ms for each in rows], np.int64)[order],
        symbol=symbol[order],
        unit=column([each.unit for each in rows]).astype(np.float64),
        hold=column([each.hold for each in rows]).astype(np.float64),
        regime=column([each.regime for each in rows]).astype(np.int8),
        rule_group=column([each.rule_group for each in rows]).astype(np.int64),
    )


def _joined(parts: Sequence[IntArray], kind: type[np.int64]) -> IntArray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _everyone(rows: Sequence[SymbolRows], strategies: int) -> list[tuple[FloatArray, FloatArray]]:
    """For each symbol, at each of its samples, sums and counts [s, m] over all symbols: of the others what their latest
    sample said before that moment."""
    totals = []
    for own in rows:
        sums, counts = np.zeros((strategies, len(own.at_ms))), np.zeros((strategies, len(own.at_ms)))
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
    """(the rules' pick in each group [m, g], the strategy with the best record [m])."""
    record = shrunk_mean(rows.sums, rows.counts, sums, counts, PRIOR_WEIGHT) * 1e4
    scores = strategy_scores(fit_of(profiles)[:, rows.regime], record, rows.side, *rows.presence)
    return best_of_groups(profiles, scores), record.argmax(axis=0)
