"""Candles beside those of the same market on another exchange: what only a second source shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candle_faults import CandleFault, in_long_runs
from autopilot.domain.candles import Candles, FaultKind, FloatArray, IntArray
from autopilot.domain.timeframe import utc_text

ANOTHER_PRICE = 0.1
"""Two exchanges never differ by so much (as a fraction) for `ANOTHER_MARKET` candles in a row."""
ANOTHER_MARKET = 24
LEAST_SHIFTED = 12
"""The least number of common returns that can show a shift."""
LEAST_SIGNIFICANCE = 6.0
"""Standard deviations of Fisher's z by which the returns must agree at the shifted times."""


@dataclass(frozen=True, slots=True)
class SourceComparison:
    """Candles of one market, here and there. ``common`` open times are in both; of the time that both cover,
    ``missing_here`` are only there and ``missing_there`` only here.

    ``median_bps`` and ``worst_bps``: how far apart the common closes are. ``apart`` of them are further apart than was
    allowed. ``volume_ratio``: the traded volume of the common candles here over that there. ``correlation``: of the
    returns. A figure without candles is None.
    """

    common: int
    missing_here: int
    missing_there: int
    first_missing_here_ms: int | None
    median_bps: float | None
    worst_bps: float | None
    worst_at_ms: int | None
    apart: int
    volume_ratio: float | None
    correlation: float | None
    faults: tuple[CandleFault, ...]


def compared(here: Candles, there: Candles, max_bps: float) -> SourceComparison:
    """Both of the same timeframe and sound. ``max_bps``: how far apart closes may be."""
    common_ms, mine, theirs = np.intersect1d(here.open_at_ms, there.open_at_ms, assume_unique=True, return_indices=True)
    ours, others = _overlap(here, there), _overlap(there, here)
    lost = np.setdiff1d(others, ours, assume_unique=True)
    ratio = here.close[mine] / there.close[theirs]
    bps = np.abs(ratio - 1.0) * 10_000
    correlation, _ = _agreement(here, there, 0)
    volume = float(there.volume[theirs].sum())
    worst = int(np.argmax(bps)) if len(bps) else None
    return SourceComparison(
        common=len(common_ms),
        missing_here=len(lost),
        missing_there=len(ours) - len(common_ms),
        first_missing_here_ms=int(lost[0]) if len(lost) else None,
        median_bps=float(np.median(bps)) if len(bps) else None,
        worst_bps=None if worst is None else float(bps[worst]),
        worst_at_ms=None if worst is None else int(common_ms[worst]),
        apart=int((bps > max_bps).sum()),
        volume_ratio=float(here.volume[mine].sum()) / volume if volume > 0 else None,
        correlation=correlation,
        faults=_faults(here, there, common_ms, ratio, max_bps),
    )


def shifted_by(here: Candles, there: Candles) -> int:
    """How many candles late (negative: early) ``here`` is beside ``there``: int in [-1, 1].

    Not 0 only where the returns agree at the shifted times beyond chance, and more than twice as much as at the times
    as given. A candle stamped at its close is one late.
    """
    as_given, _ = _agreement(here, there, 0)
    for shift in (1, -1):
        correlation, significance = _agreement(here, there, shift)
        if significance > LEAST_SIGNIFICANCE and (correlation or 0.0) > 2 * max(as_given or 0.0, 0.0):
            return shift
    return 0


def _faults(
    here: Candles, there: Candles, common_ms: IntArray, ratio: FloatArray, max_bps: float
) -> tuple[CandleFault, ...]:
    """The most serious one: each hides those after it."""
    shift = shifted_by(here, there)
    if shift:
        side = "later" if shift > 0 else "earlier"
        words = f"all candles are one candle {side} than there: one of the two has close times for open times"
        return (CandleFault(FaultKind.STAMPED_AT_CLOSE, len(here), int(here.open_at_ms[0]), words),)
    other = in_long_runs(np.abs(np.log(ratio)) > np.log1p(ANOTHER_PRICE), min(ANOTHER_MARKET, len(ratio)))
    if other.any():
        first = int(common_ms[other][0])
        words = (
            f"{int(other.sum()):,} of {len(common_ms):,} common closes are {float(np.median(ratio[other])):.4g} times"
            f" those there, first {utc_text(first)}: another market, or another unit of it"
        )
        return (CandleFault(FaultKind.OTHER_MARKET, int(other.sum()), first, words),)
    bps = np.abs(ratio - 1.0) * 10_000
    apart = bps > max_bps
    if not apart.any():
        return ()
    first, worst = int(common_ms[apart][0]), int(np.argmax(bps))
    words = (
        f"{int(apart.sum()):,} of {len(common_ms):,} common closes are more than {max_bps:g} bps apart, first"
        f" {utc_text(first)}, worst {bps[worst]:,.0f} bps at {utc_text(int(common_ms[worst]))}"
    )
    return (CandleFault(FaultKind.APART, int(apart.sum()), first, words),)


def _agreement(here: Candles, there: Candles, shift: int) -> tuple[float, float] | tuple[None, float]:
    """The correlation of the returns, those here taken ``shift`` candles earlier, and its significance (Fisher's z);
    None and 0 if they are too few or never change."""
    at_ms, mine = _returns(here)
    others_ms, theirs = _returns(there)
    moved = at_ms - shift * here.timeframe.ms
    _, left, right = np.intersect1d(moved, others_ms, assume_unique=True, return_indices=True)
    if len(left) < LEAST_SHIFTED or not (np.ptp(mine[left]) > 0 and np.ptp(theirs[right]) > 0):
        return None, 0.0
    correlation = float(np.corrcoef(mine[left], theirs[right])[0, 1])
    return correlation, float(np.arctanh(min(correlation, 1 - 1e-12)) * np.sqrt(len(left) - 3))


def _returns(candles: Candles) -> tuple[IntArray, FloatArray]:
    """The log returns between adjacent candles, by the open time of the later one."""
    adjacent = np.diff(candles.open_at_ms) == candles.timeframe.ms
    return candles.open_at_ms[1:][adjacent], np.diff(np.log(candles.close))[adjacent]


def _overlap(candles: Candles, other: Candles) -> IntArray:
    """The open times within the time that both cover."""
    if not len(other):
        return np.empty(0, dtype=np.int64)
    return candles.since(int(other.open_at_ms[0])).until(other.last_at_ms).open_at_ms
