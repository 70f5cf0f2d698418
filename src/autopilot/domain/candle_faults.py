"""Faults of candles that somebody else collected: found and described, not corrected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import BREACHES, BoolArray, Candles, FaultKind, FloatArray, IntArray, unusable
from autopilot.domain.coverage import TimeSpan
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
    grid look like opening times: `candle_comparison` tells those."""
    before_grid = -open_at_ms % timeframe.ms
    return bool(len(open_at_ms)) and float(((before_grid > 0) & (before_grid <= _CLOSE_MARGIN_MS)).mean()) > 0.5


def damaged(candles: Candles) -> BoolArray:
    """The candles that are unusable, repeat an earlier block, or are in a long stretch without volume: bool[n]."""
    bars = (candles.open, candles.high, candles.low, candles.close, candles.volume)
    found = silent(candles.volume) | repeated_from(bars)[0]
    for mask in unusable(candles.open_at_ms, *bars, candles.timeframe).values():
        found |= mask
    return found


def silent(volume: FloatArray) -> BoolArray:
    """The candles in long stretches without volume; all without volume where they are most of the series: bool[n]."""
    quiet: BoolArray = volume == 0
    if 2 * quiet.sum() > max(len(volume), 2 * LONG_STRETCH):
        return quiet
    return in_long_runs(quiet, LONG_STRETCH)


def in_long_runs(mask: BoolArray, least: int) -> BoolArray:
    """The entries of ``mask`` in runs of at least ``least``: bool[n]."""
    edges = np.flatnonzero(np.diff(mask.astype(np.int8))) + 1
    lengths = np.diff(np.concatenate([[0], edges, [len(mask)]]))
    return mask & np.repeat(lengths >= least, lengths)


def repeated_from(columns: Sequence[FloatArray]) -> tuple[BoolArray, IntArray]:
    """The traded candles whose five numbers are those of an earlier one, at the same distance for a whole block:
    bool[n], and that distance in candles: int64[n]. The last column is the volume."""
    length = len(columns[-1])
    distance = np.zeros(length, dtype=np.int64)
    if length <= LONG_BLOCK:
        return distance > 0, distance
    same = np.argsort(_mixed(columns), kind="stable")
    equal = columns[-1][same[1:]] > 0
    for column in columns:
        ordered = column[same]
        equal &= ordered[1:] == ordered[:-1]
    distance[same[1:][equal]] = (same[1:] - same[:-1])[equal]
    edges = np.flatnonzero(np.diff(distance)) + 1
    lengths = np.diff(np.concatenate([[0], edges, [length]]))
    return (distance > 0) & np.repeat(lengths >= LONG_BLOCK, lengths), distance


def _fault(kind: FaultKind, mask: BoolArray, at_ms: IntArray, said: str) -> CandleFault | None:
    count = int(mask.sum())
    if not count:
        return None
    first = int(at_ms[mask].min())
    return CandleFault(kind, count, first, f"{count:,} of {len(at_ms):,} candles {said}, first {utc_text(first)}")


def gap_fault(spans: Sequence[TimeSpan], timeframe: Timeframe) -> CandleFault | None:
    """The fault of missing candles in these spans, ascending; None without any."""
    if not spans:
        return None
    lengths = [(span.to_ms - span.from_ms) // timeframe.ms for span in spans]
    longest = lengths.index(max(lengths))
    return CandleFault(
        FaultKind.GAP,
        sum(lengths),
        spans[0].from_ms,
        f"{sum(lengths):,} candles are missing in {len(spans):,} gap{'s' * (len(spans) > 1)}, first"
        f" {utc_text(spans[0].from_ms)}, longest {lengths[longest]:,} at {utc_text(spans[longest].from_ms)}",
    )


def _gap(at_ms: IntArray, timeframe: Timeframe) -> CandleFault | None:
    before = np.flatnonzero(np.diff(at_ms) // timeframe.ms > 1)
    ends = zip(at_ms[before].tolist(), at_ms[before + 1].tolist(), strict=True)
    return gap_fault([TimeSpan(last + timeframe.ms, following) for last, following in ends], timeframe)


def _silent(at_ms: IntArray, volume: FloatArray) -> CandleFault | None:
    mask = silent(volume)
    count = int(mask.sum())
    if not count:
        return None
    first, longest = int(at_ms[mask][0]), _longest(volume == 0)
    where = f"are in stretches of {LONG_STRETCH} or more" if longest >= LONG_STRETCH else "are"
    return CandleFault(
        FaultKind.NO_VOLUME,
        count,
        first,
        f"{count:,} of {len(at_ms):,} candles ({100 * count / len(at_ms):.1f} %) {where} without volume, first"
        f" {utc_text(first)}, longest {longest:,}",
    )


def _repeated(at_ms: IntArray, columns: Sequence[FloatArray]) -> CandleFault | None:
    mask, distance = repeated_from(columns)
    count = int(mask.sum())
    if not count:
        return None
    start = int(np.argmax(mask))
    first = int(at_ms[start])
    stuck = int((mask & (distance == 1)).sum())
    words = f"{count:,} candles repeat earlier ones exactly, in blocks of {LONG_BLOCK} or more, first"
    frozen = f"; {stuck:,} of them repeat the candle before: the feed was frozen" if stuck else ""
    return CandleFault(
        FaultKind.REPEATED,
        count,
        first,
        f"{words} {utc_text(first)} like {utc_text(int(at_ms[start - distance[start]]))}{frozen}",
    )


def _mixed(columns: Sequence[FloatArray]) -> NDArray[np.uint64]:
    """uint64[n]: equal where the numbers are equal, and hardly elsewhere. One sort by it is faster than one by each."""
    mixed = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        mixed = (mixed ^ (mixed >> np.uint64(29)) ^ (column + 0.0).view(np.uint64)) * _ODD
    return mixed


def _longest(mask: BoolArray) -> int:
    """The length of the longest run of True, of which there is one."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max())
