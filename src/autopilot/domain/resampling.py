"""Candles of a longer timeframe, made of shorter ones without a guess."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.coverage import Gap, GapReason
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe

NOTHING_THERE = frozenset({GapReason.NO_TRADES, GapReason.OUTAGE})
"""The reasons for which a candle never existed; for the others it may exist where nobody could fetch it."""
AT_ONCE = 4096
"""Buckets that are made together: a day of minutes each takes 50 MB a column."""


@dataclass(frozen=True, slots=True)
class Resampled:
    """``refused_ms`` int64[n]: open times of the buckets that are left out, because a candle of theirs is missing."""

    candles: Candles
    refused_ms: IntArray


def resample(candles: Candles, target: Timeframe, gaps: Sequence[Gap]) -> Resampled:
    """One candle for each bucket of ``target`` of which every shorter candle is there, or is known never to have
    existed by a confirmed gap of ``gaps``. The price opens at the first, closes at the last; the volume is summed from
    the first to the last. Raises CandleError if ``target`` is not longer."""
    step_ms = candles.timeframe.ms
    if target.ms <= step_ms:
        raise CandleError(
            f"{target} candles cannot be made of {candles.timeframe} candles", hint="name a longer timeframe"
        )
    if not len(candles):
        return Resampled(Candles.empty(target), np.empty(0, dtype=np.int64))
    never = _never_existed(gaps)
    first_ms, end_ms = target.floor(int(candles.open_at_ms[0])), target.floor(candles.last_at_ms) + target.ms
    made: list[tuple[FloatArray, ...]] = []
    kept: list[IntArray] = []
    refused: list[IntArray] = []
    for begin_ms in range(first_ms, end_ms, AT_ONCE * target.ms):
        until_ms = min(begin_ms + AT_ONCE * target.ms, end_ms)
        part = candles.since(begin_ms).until(until_ms - 1)
        buckets = np.arange(begin_ms, until_ms, target.ms, dtype=np.int64)
        slots = np.arange(begin_ms, until_ms, step_ms, dtype=np.int64)
        there = np.zeros(len(slots), dtype=np.bool_)
        there[(part.open_at_ms - begin_ms) // step_ms] = True
        shape = (len(buckets), target.ms // step_ms)
        complete = np.logical_and.reduce((there | _inside(slots, never)).reshape(shape), axis=1)
        begun = np.logical_or.reduce(there.reshape(shape), axis=1)
        refused.append(buckets[begun & ~complete])
        kept.append(buckets[begun & complete])
        made.append(_bars(part, (part.open_at_ms - begin_ms) // step_ms, shape, begun & complete))
    columns = [np.concatenate(column) for column in zip(*made, strict=True)]
    return Resampled(Candles.from_arrays(target, np.concatenate(kept), *columns), np.concatenate(refused))


def _bars(part: Candles, places: IntArray, shape: tuple[int, int], usable: BoolArray) -> tuple[FloatArray, ...]:
    """Open, high, low, close and volume of the usable buckets, of ``part`` with its candles at these slots."""

    def laid_out(column: FloatArray, nothing: float) -> FloatArray:
        table = np.full(shape[0] * shape[1], nothing)
        table[places] = column
        return table.reshape(shape)[usable]

    opened, closed = laid_out(part.open, np.nan), laid_out(part.close, np.nan)
    first = np.argmax(~np.isnan(opened), axis=1)[:, None]
    last = shape[1] - 1 - np.argmax(~np.isnan(closed[:, ::-1]), axis=1)[:, None]
    return (
        np.take_along_axis(opened, first, axis=1)[:, 0],
        laid_out(part.high, -np.inf).max(axis=1, initial=-np.inf),
        laid_out(part.low, np.inf).min(axis=1, initial=np.inf),
        np.take_along_axis(closed, last, axis=1)[:, 0],
        np.add.accumulate(laid_out(part.volume, 0.0), axis=1)[:, -1],
    )


def _never_existed(gaps: Sequence[Gap]) -> IntArray:
    """Begin and end of each confirmed gap, ascending: int64[n, 2]."""
    spans = [gap.span for gap in gaps if gap.next_try_at_ms is None and gap.reason in NOTHING_THERE]
    return np.array([(span.from_ms, span.to_ms) for span in sorted(spans)], dtype=np.int64).reshape(-1, 2)


def _inside(slots: IntArray, spans: IntArray) -> BoolArray:
    if not len(spans):
        return np.zeros(len(slots), dtype=np.bool_)
    place = np.searchsorted(spans[:, 0], slots, side="right") - 1
    inside: BoolArray = (place >= 0) & (slots < spans[np.maximum(place, 0), 1])
    return inside
