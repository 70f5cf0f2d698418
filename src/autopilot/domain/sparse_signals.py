"""The signals of several strategies over long series, without the candles at which a strategy says nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from autopilot.domain.candles import AnyArray, FloatArray, Int8Array, IntArray
from autopilot.domain.signal import SignalArrays

_COLUMNS = ("side", "strength", "confidence", "stop_distance", "target_distance")


@dataclass(frozen=True, slots=True, eq=False)
class SparseSignals:
    """The k signals to buy or sell of s strategies, ordered by strategy, then by candle.

    ``begin`` int64[s + 1]: those of strategy j have the numbers ``begin[j]`` to ``begin[j + 1]`` (exclusive). ``at``
    int64[k]: the candle. ``side`` int8[k] and the others float64[k]: as in `SignalArrays`.
    """

    begin: IntArray
    at: IntArray
    side: Int8Array
    strength: FloatArray
    confidence: FloatArray
    stop_distance: FloatArray
    target_distance: FloatArray

    @classmethod
    def of(
        cls, arrays: Iterable[SignalArrays], first: int = 0, end: int | None = None, number: int = 0
    ) -> SparseSignals:
        """The signals of each strategy's ``arrays`` at their entries ``first`` to ``end`` (exclusive). ``number``: the
        candle of entry 0."""
        every = tuple(arrays)
        found = [first + np.flatnonzero(each.side[first:end]) for each in every]
        columns = (
            np.concatenate([getattr(each, name)[at] for each, at in zip(every, found, strict=True)])
            for name in _COLUMNS
        )
        begin = np.cumsum([0, *map(len, found)])
        return cls(begin, np.concatenate(found) + number, *columns)

    @classmethod
    def joined(cls, parts: Sequence[SparseSignals]) -> SparseSignals:
        """The signals of successive spans of candles, at least one; each part has the same strategies."""
        begin = np.sum([part.begin for part in parts], axis=0)

        def column(name: str) -> AnyArray:
            columns = [(part.begin.tolist(), getattr(part, name)) for part in parts]
            return np.concatenate(
                [values[at[number] : at[number + 1]] for number in range(len(begin) - 1) for at, values in columns]
            )

        return cls(begin, column("at"), *map(column, _COLUMNS))

    @property
    def strategy(self) -> IntArray:
        """int64[k]: the number of each signal's strategy."""
        return np.repeat(np.arange(len(self.begin) - 1), np.diff(self.begin))

    def between(self, first: int, end: int) -> SparseSignals:
        """The signals at candles ``first`` to ``end`` (exclusive)."""
        bounds = self.begin.tolist()
        spans = [(low + np.searchsorted(self.at[low:high], (first, end))).tolist() for low, high in pairwise(bounds)]
        return SparseSignals(
            np.cumsum([0, *(until - since for since, until in spans)]),
            *(np.concatenate([values[since:until] for since, until in spans]) for values in self._columns()),
        )

    def without(self, strategies: Iterable[int]) -> SparseSignals:
        """The signals with none of these strategies."""
        return self._chosen(~np.isin(self.strategy, list(strategies)))

    def replaced(self, silenced: IntArray, added: SparseSignals) -> SparseSignals:
        """The signals with those at the candles ``silenced`` (ascending) left out, and ``added`` put in."""
        kept = self._chosen(~np.isin(self.at, silenced))
        strategy, at = (np.concatenate(pair) for pair in ((kept.strategy, added.strategy), (kept.at, added.at)))
        order = np.lexsort((at, strategy))
        columns = (np.concatenate(pair)[order] for pair in zip(kept._columns(), added._columns(), strict=True))
        return SparseSignals(kept.begin + added.begin, *columns)

    def number(self, strategy: int, candle: int) -> int | None:
        """The number of this strategy's signal at a candle, if there is one."""
        low, high = self.begin[strategy : strategy + 2].tolist()
        found = low + int(np.searchsorted(self.at[low:high], candle))
        return found if found < high and int(self.at[found]) == candle else None

    def spread(self, values: AnyArray, candles: IntArray) -> AnyArray:
        """``values`` [k] of the signals, at these candles (ascending, without duplicates): [s, m], 0 without a
        signal."""
        table = np.zeros((len(self.begin) - 1, len(candles)), dtype=values.dtype)
        if len(candles):
            column = np.minimum(np.searchsorted(candles, self.at), len(candles) - 1)
            there = candles[column] == self.at
            table[self.strategy[there], column[there]] = values[there]
        return table

    def _chosen(self, mask: AnyArray) -> SparseSignals:
        """The signals where ``mask`` bool[k] is true."""
        before = np.concatenate([[0], np.cumsum(mask)])
        return SparseSignals(before[self.begin], *(values[mask] for values in self._columns()))

    def _columns(self) -> tuple[AnyArray, ...]:
        return (self.at, *(getattr(self, name) for name in _COLUMNS))
