"""What is known of a series of candles: the spans that were fetched, by which way, and the gaps in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


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


@dataclass(frozen=True, slots=True)
class CoveredSpan:
    """A span whose candles are stored, all that there were. ``fetched_at_ms``: when the last of it was stored."""

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
