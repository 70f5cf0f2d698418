"""The gap ledger: which candles an exchange does not have, how often it said so, and when to ask again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from autopilot.domain.coverage import Gap, GapReason, TimeSpan, missing, union
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, MINUTE_MS, Timeframe

CONFIRMED = 2
"""The answers after which a gap is knowledge."""
ASK_AGAIN_MS = DAY_MS
SETTLING_MS = HOUR_MS
"""A gap that ended less than this ago is asked for again after this: the exchange may still fill it in."""
UNSETTLED_MS = 15 * MINUTE_MS
"""A candle that closed less than this ago may not be there yet."""
LONGEST_LULL = 3
"""The most candles in a row without a trade. A longer gap, of an hour at least, is an outage."""


def gaps_after(
    answered: TimeSpan, stored: Sequence[TimeSpan], timeframe: Timeframe, earlier: Sequence[Gap], now_ms: int
) -> tuple[Gap, ...]:
    """The gaps in an answer about ``answered``, of which the candles in ``stored`` are here now. A gap of ``earlier``
    that was due, and still is one, was confirmed by this answer."""
    found: list[Gap] = []
    for hole in missing(answered, stored):
        known = [replace(each, span=part) for each in earlier if (part := overlap(each.span, hole))]
        found += (_asked_once_more(each, now_ms) for each in known)
        for span in missing(hole, [each.span for each in known]):
            found.append(Gap(span, _reason(hole, timeframe), 1, now_ms + _pause_ms(span, now_ms)))
    return tuple(sorted(found, key=lambda each: each.span))


def gap_after(span: TimeSpan, reason: GapReason, tries: int, now_ms: int) -> Gap:
    """A gap about which the exchange answered ``tries`` times."""
    return Gap(span, reason, tries, None if tries >= CONFIRMED else now_ms + ASK_AGAIN_MS)


def is_due(gap: Gap, now_ms: int) -> bool:
    """Whether it is worth asking again."""
    return gap.next_try_at_ms is not None and gap.next_try_at_ms <= now_ms


def lacking(wanted: TimeSpan, covered: Sequence[TimeSpan], gaps: Sequence[Gap], now_ms: int) -> tuple[TimeSpan, ...]:
    """The parts of ``wanted`` to ask for: those that were never fetched, and the gaps that are due."""
    due = (part for each in gaps if is_due(each, now_ms) and (part := overlap(each.span, wanted)))
    return union([*missing(wanted, covered), *due])


def settled_part(span: TimeSpan, timeframe: Timeframe, now_ms: int) -> TimeSpan | None:
    """The candles of ``span`` that closed long ago: others that did not come are still to come. None without any."""
    to_ms = min(span.to_ms, timeframe.floor(now_ms - UNSETTLED_MS))
    return TimeSpan(span.from_ms, to_ms) if span.from_ms < to_ms else None


def overlap(one: TimeSpan, other: TimeSpan) -> TimeSpan | None:
    """The time that both have in common; None without any."""
    from_ms, to_ms = max(one.from_ms, other.from_ms), min(one.to_ms, other.to_ms)
    return TimeSpan(from_ms, to_ms) if from_ms < to_ms else None


def within(spans: Sequence[TimeSpan], span: TimeSpan) -> tuple[TimeSpan, ...]:
    """The parts of ascending, disjoint ``spans`` that lie in ``span``, without a look at the others."""
    first = bisect_right(spans, span.from_ms, key=lambda each: each.to_ms)
    end = bisect_left(spans, span.to_ms, lo=first, key=lambda each: each.from_ms)
    return tuple(part for each in spans[first:end] if (part := overlap(each, span)))


def joined_across(spans: Sequence[TimeSpan], distance_ms: int) -> tuple[TimeSpan, ...]:
    """The spans, where those at most ``distance_ms`` apart are one: a request for both costs no more."""
    return tuple(_joined(union(spans), distance_ms))


def candle_count(spans: Sequence[TimeSpan], timeframe: Timeframe) -> int:
    """How many candles the spans hold together."""
    return sum(each.to_ms - each.from_ms for each in spans) // timeframe.ms


def _asked_once_more(gap: Gap, now_ms: int) -> Gap:
    return gap_after(gap.span, gap.reason, gap.tries + 1, now_ms) if is_due(gap, now_ms) else gap


def _reason(hole: TimeSpan, timeframe: Timeframe) -> GapReason:
    length_ms = hole.to_ms - hole.from_ms
    is_long = length_ms >= HOUR_MS and length_ms > LONGEST_LULL * timeframe.ms
    return GapReason.OUTAGE if is_long else GapReason.NO_TRADES


def _pause_ms(span: TimeSpan, now_ms: int) -> int:
    return SETTLING_MS if span.to_ms > now_ms - DAY_MS else ASK_AGAIN_MS


def _joined(spans: Sequence[TimeSpan], distance_ms: int) -> Iterator[TimeSpan]:
    rest = iter(spans)
    held = next(rest, None)
    for span in rest:
        assert held is not None, "there was a first one"
        if span.from_ms - held.to_ms <= distance_ms:
            held = TimeSpan(held.from_ms, span.to_ms)
        else:
            yield held
            held = span
    if held is not None:
        yield held
