"""Faults of candles that somebody else collected: found and described, not corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import BREACHES, BoolArray, FaultKind, FloatArray, IntArray, unusable
from autopilot.domain.timeframe import Timeframe, utc_text

LONG_STRETCH = 24
"""Candles in a row without a trade: more than in a liquid market, fewer than in a file filled up with invented ones."""
LONG_BLOCK = 12
"""Candles in a row whose five numbers repeat an earlier block: never by chance if there was trade."""
_ODD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 by the golden ratio, as in Fibonacci hashing."""
_CLOSE_MARGIN_MS = 1_000
"""Closing times are written as the last millisecond or the last second of a candle."""


@dataclass(frozen=True, slots=True)
class CandleFault:
    """``count`` candles (of a gap: missing candles) have this fault, the first at ``first_at_ms``. ``words``: the same
    as a sentence."""

    kind: FaultKind
    count: int
    first_at_ms: int
    words: str


def find_faults(
    open_at_ms: IntArray,
    open: FloatArray,  # noqa: A002 - the field's own name
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    timeframe: Timeframe,
) -> tuple[CandleFault, ...]:
    """All faults of these candles, most serious first; ``open_at_ms`` int64[n], the rest float64[n], in any order."""
    stamped = stamped_at_close(open_at_ms, timeframe)
    bad = unusable(open_at_ms, open, high, low, close, volume, timeframe)
    if stamped:
        del bad[FaultKind.OFF_GRID]
    found = [_fault(kind, mask, open_at_ms, f"have {BREACHES[kind]}") for kind, mask in bad.items()]
    if stamped:
        found.append(
            CandleFault(
                FaultKind.STAMPED_AT_CLOSE,
                len(open_at_ms),
                int(open_at_ms.min()),
                f"the times are close times, not open times, first {utc_text(int(open_at_ms.min()))}",
            )
        )
    late = np.concatenate([[False], open_at_ms[1:] < np.maximum.accumulate(open_at_ms)[:-1]])[: len(open_at_ms)]
    found.append(_fault(FaultKind.UNSORTED, late, open_at_ms, "come after a later one"))
    order = np.argsort(open_at_ms, kind="stable")
    at_ms = open_at_ms[order]
    again = np.concatenate([[False], at_ms[1:] == at_ms[:-1]])[: len(at_ms)]
    found.append(_fault(FaultKind.DUPLICATE, again, at_ms, "have the same time as another one"))
    found.append(_gap(at_ms[~again], timeframe))
    single = order[~again]
    columns = [column[single] for column in (open, high, low, close, volume)]
    found.append(_silent(at_ms[~again], columns[-1]))
    found.append(_repeated(at_ms[~again], columns))
    return tuple(fault for fault in found if fault is not None)


def stamped_at_close(open_at_ms: IntArray, timeframe: Timeframe) -> bool:
    """Whether most times lie within a second before the timeframe's grid, as closing times do. Closing times *on* the
    grid look like opening times: only a second source shows those, see `shifted_by`."""
    before_grid = -open_at_ms % timeframe.ms
    return bool(len(open_at_ms)) and float(((before_grid > 0) & (before_grid <= _CLOSE_MARGIN_MS)).mean()) > 0.5


def shifted_by(
    open_at_ms: IntArray, close: FloatArray, other_at_ms: IntArray, other_close: FloatArray, timeframe: Timeframe
) -> int:
    """How many candles late (negative: early) these are beside another source of the same market: int in [-1, 1].

    Not 0 only where at least ten candles of the other source agree with the shifted times and more than twice as many
    as agree with the times as given. Both ascending; closes agree within 1/10,000.
    """
    agreeing = {}
    for shift in (0, 1, -1):
        moved = open_at_ms - shift * timeframe.ms
        _, mine, theirs = np.intersect1d(moved, other_at_ms, assume_unique=True, return_indices=True)
        agreeing[shift] = int((np.abs(close[mine] / other_close[theirs] - 1.0) < 1e-4).sum())
    best = max(agreeing, key=lambda shift: agreeing[shift])
    return best if agreeing[best] >= 10 and agreeing[best] > 2 * agreeing[0] else 0


def _fault(kind: FaultKind, mask: BoolArray, at_ms: IntArray, said: str) -> CandleFault | None:
    count = int(mask.sum())
    if not count:
        return None
    first = int(at_ms[mask].min())
    return CandleFault(kind, count, first, f"{count:,} of {len(at_ms):,} candles {said}, first {utc_text(first)}")


def _gap(at_ms: IntArray, timeframe: Timeframe) -> CandleFault | None:
    missing = np.diff(at_ms) // timeframe.ms - 1
    gaps = np.flatnonzero(missing > 0)
    if not len(gaps):
        return None
    first, longest = int(at_ms[gaps[0]]) + timeframe.ms, int(np.argmax(missing))
    count = int(missing[gaps].sum())
    return CandleFault(
        FaultKind.GAP,
        count,
        first,
        f"{count:,} candles are missing in {len(gaps):,} gap{'s' * (len(gaps) > 1)}, first {utc_text(first)}, longest"
        f" {int(missing[longest]):,} at {utc_text(int(at_ms[longest]) + timeframe.ms)}",
    )


def _silent(at_ms: IntArray, volume: FloatArray) -> CandleFault | None:
    starts, lengths = _runs(volume == 0)
    long = lengths >= LONG_STRETCH
    if not long.any():
        return None
    count, first = int(lengths[long].sum()), int(at_ms[starts[long][0]])
    return CandleFault(
        FaultKind.NO_VOLUME,
        count,
        first,
        f"{count:,} of {len(at_ms):,} candles ({100 * count / len(at_ms):.1f} %) are in stretches of {LONG_STRETCH}"
        f" or more without volume, first {utc_text(first)}, longest {int(lengths.max()):,}",
    )


def _repeated(at_ms: IntArray, columns: Sequence[FloatArray]) -> CandleFault | None:
    """Traded candles whose five numbers are those of an earlier one, at the same distance for a whole block. The last
    column is the volume."""
    if len(at_ms) <= LONG_BLOCK:
        return None
    same = np.argsort(_mixed(columns), kind="stable")
    equal = columns[-1][same[1:]] > 0
    for column in columns:
        ordered = column[same]
        equal &= ordered[1:] == ordered[:-1]
    distance = np.zeros(len(at_ms), dtype=np.int64)
    distance[same[1:][equal]] = (same[1:] - same[:-1])[equal]
    edges = np.flatnonzero(np.diff(distance)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(at_ms)]])
    block = (distance[starts] > 0) & (ends - starts >= LONG_BLOCK)
    if not block.any():
        return None
    count, start = int((ends - starts)[block].sum()), int(starts[block][0])
    first = int(at_ms[start])
    return CandleFault(
        FaultKind.REPEATED,
        count,
        first,
        f"{count:,} candles repeat earlier ones exactly, in blocks of {LONG_BLOCK} or more, first"
        f" {utc_text(first)} like {utc_text(int(at_ms[start - distance[start]]))}",
    )


def _mixed(columns: Sequence[FloatArray]) -> NDArray[np.uint64]:
    """uint64[n]: equal where the numbers are equal, and hardly elsewhere. One sort by it is faster than one by each."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ (column + 0.0).view(np.uint64)) * _ODD
    return mixed


def _runs(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Where each run of True begins, and how long it is."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return edges[::2], edges[1::2] - edges[::2]
