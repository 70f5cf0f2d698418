"""What is known of a series of candles: the spans that were fetched, by which way, and the gaps in them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

from autopilot.domain.timeframe import DAY_MS

JOINED_WITHIN_MS = DAY_MS
"""Neighboring spans of the same way are one if they were stored within this time of each other. Live and earlier ones
always are: the time at which they closed stands for that."""


class Way(StrEnum):
    """How candles came into the store."""

    PAGES = "pages"
    ARCHIVE = "archive"
    TRADES = "trades"
    LIVE = "live"
    IMPORT = "import"
    DERIVED = "derived"
    EARLIER = "earlier version"
    """Stored before coverage was kept."""


class GapReason(StrEnum):
    """Why there are no candles."""

    NO_TRADES = "no trades"
    OUTAGE = "outage"
    NOT_LISTED = "not listed"
    REFUSED = "refused"
    BEYOND_HISTORY = "beyond the exchange's history"


@dataclass(frozen=True, slots=True, order=True)
class TimeSpan:
    """The candles that open in [from_ms, to_ms). Both are open times of the timeframe, so a span holds
    ``(to_ms - from_ms) // timeframe.ms`` of them."""

    from_ms: int
    to_ms: int

    def __post_init__(self) -> None:
        if self.from_ms >= self.to_ms:
            raise ValueError(f"a span from {self.from_ms} to {self.to_ms}")


EVER = TimeSpan(-(2**62), 2**62)


@dataclass(frozen=True, slots=True)
class CoveredSpan:
    """A span whose candles are stored, all that there were. ``fetched_at_ms``: when the last of it was stored; of live
    and earlier candles the time at which they closed stands for it."""

    span: TimeSpan
    way: Way
    fetched_at_ms: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Candles inside a covered span that do not exist, as far as is known. ``tries``: how often the exchange said so.
    ``next_try_at_ms``: when it is worth asking again; None once it is confirmed."""

    span: TimeSpan
    reason: GapReason
    tries: int
    next_try_at_ms: int | None


Located = TypeVar("Located", CoveredSpan, Gap)


def union(spans: Iterable[TimeSpan]) -> tuple[TimeSpan, ...]:
    """The same times as disjoint spans in ascending order, none of which touches another."""
    found: list[TimeSpan] = []
    for span in sorted(spans):
        if found and span.from_ms <= found[-1].to_ms:
            found[-1] = TimeSpan(found[-1].from_ms, max(found[-1].to_ms, span.to_ms))
        else:
            found.append(span)
    return tuple(found)


def missing(wanted: TimeSpan, present: Sequence[TimeSpan]) -> tuple[TimeSpan, ...]:
    """The parts of ``wanted`` that no span of ``present`` covers, in ascending order."""
    found: list[TimeSpan] = []
    at_ms = wanted.from_ms
    for span in union(present):
        if span.to_ms <= at_ms:
            continue
        if span.from_ms >= wanted.to_ms:
            break
        if span.from_ms > at_ms:
            found.append(TimeSpan(at_ms, span.from_ms))
        at_ms = span.to_ms
    if at_ms < wanted.to_ms:
        found.append(TimeSpan(at_ms, wanted.to_ms))
    return tuple(found)


def runs(open_at_ms: Sequence[int], length_ms: int) -> tuple[TimeSpan, ...]:
    """The spans of adjacent candles, oldest first. ``open_at_ms``: ascending open times on the grid of a timeframe of
    ``length_ms``."""
    if not len(open_at_ms):
        return ()
    begin_ms = end_ms = open_at_ms[0]
    if open_at_ms[-1] - begin_ms == (len(open_at_ms) - 1) * length_ms:
        return (TimeSpan(begin_ms, open_at_ms[-1] + length_ms),)
    found: list[TimeSpan] = []
    for at_ms in open_at_ms:
        if at_ms > end_ms:
            found.append(TimeSpan(begin_ms, end_ms))
            begin_ms = at_ms
        end_ms = at_ms + length_ms
    return (*found, TimeSpan(begin_ms, end_ms))


def outside(located: Iterable[Located], spans: Sequence[TimeSpan]) -> Iterator[Located]:
    """The parts of ``located`` that are in none of ``spans``, which are disjoint and ascending."""
    begins, ends = [span.from_ms for span in spans], [span.to_ms for span in spans]
    for each in located:
        near = spans[bisect_right(ends, each.span.from_ms) : bisect_left(begins, each.span.to_ms)]
        for part in missing(each.span, near):
            yield replace(each, span=part)


def replaced(present: Iterable[CoveredSpan], new: Sequence[CoveredSpan]) -> tuple[CoveredSpan, ...]:
    """Both as disjoint spans, oldest first, with ``new`` in place of what it overlaps. Neighbors are joined if they
    came the same way at about the same time."""
    found: list[CoveredSpan] = []
    for each in sorted((*outside(present, union(item.span for item in new)), *new), key=lambda item: item.span):
        if found and _is_continued(found[-1], each):
            span = TimeSpan(found[-1].span.from_ms, each.span.to_ms)
            found[-1] = CoveredSpan(span, each.way, max(found[-1].fetched_at_ms, each.fetched_at_ms))
        else:
            found.append(each)
    return tuple(found)


def _is_continued(one: CoveredSpan, other: CoveredSpan) -> bool:
    if one.way is not other.way or one.span.to_ms != other.span.from_ms:
        return False
    return one.way in (Way.LIVE, Way.EARLIER) or abs(one.fetched_at_ms - other.fetched_at_ms) <= JOINED_WITHIN_MS
