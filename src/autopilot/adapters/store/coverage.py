"""The coverage of one series in SQLite: the spans whose candles are stored, and the gaps in them.

The candles after the last span came live. A row that moves with each of them would double the bytes of a live candle.
So they become a span when they are many, or when other candles are stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from autopilot.domain.coverage import EVER, CoveredSpan, Gap, GapReason, TimeSpan, Way, outside, replaced, runs
from autopilot.domain.timeframe import Timeframe

MOST_LOOSE = 60
"""Live candles that are not in a stored span."""
_NEAR = (
    "FROM {0} WHERE series = ?1 AND from_ms <= ?3"
    " AND from_ms >= coalesce((SELECT max(from_ms) FROM {0} WHERE series = ?1 AND from_ms < ?2), ?2) ORDER BY from_ms"
)
"""Rows that overlap or touch a span, and the one before it. They are disjoint: of those that begin before it, only the
last one can."""
_SPANS = f"SELECT from_ms, to_ms, way, fetched_at_ms {_NEAR.format('coverage')}"
_GAPS = f"SELECT from_ms, to_ms, reason, tries, next_try_at_ms {_NEAR.format('gaps')}"
_END = (
    "SELECT coalesce((SELECT to_ms FROM coverage WHERE series = ?1 ORDER BY from_ms DESC LIMIT 1),"
    " (SELECT min(open_at_ms) FROM candles WHERE series = ?1), 0)"
)
_TIMES = "SELECT open_at_ms FROM candles WHERE series = ? AND open_at_ms >= ? AND open_at_ms < ? ORDER BY open_at_ms"


class SeriesCoverage:
    """The coverage of the series with the number ``series``. Changes belong to the connection's transaction. Methods
    raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection, series: int, timeframe: Timeframe) -> None:
        self._connection = connection
        self._series = series
        self._length_ms = timeframe.ms

    def spans(self, near: TimeSpan = EVER) -> tuple[CoveredSpan, ...]:
        """Disjoint, oldest first: those that overlap or touch ``near``, the one before it, and those of the latest live
        candles. Every stored candle is in a span."""
        return replaced(self._spans(near), self._loose())

    def gaps(self, near: TimeSpan = EVER) -> tuple[Gap, ...]:
        """Disjoint, oldest first: those that overlap or touch ``near``, and the one before it."""
        rows = self._connection.execute(_GAPS, self._key(near))
        return tuple(Gap(TimeSpan(row[0], row[1]), GapReason(row[2]), row[3], row[4]) for row in rows)

    def close(self) -> None:
        """Make spans of the live candles after the last span: candles that came another way are stored next."""
        self._put(self._loose())

    def cover(self, spans: Sequence[CoveredSpan]) -> None:
        """Put ``spans``, which are full of candles, ascending and disjoint, in place of what they overlap."""
        if spans:
            self._put(spans)
            self._fill([each.span for each in spans])

    def came_live(self, times: Sequence[int]) -> None:
        """Live candles have been stored; ``times``: when they opened, ascending."""
        (end_ms,) = self._connection.execute(_END, (self._series,)).fetchone()
        if int(times[0]) < end_ms:
            self.close()
            self.cover(self._live(times))
        elif int(times[-1]) - end_ms >= MOST_LOOSE * self._length_ms:
            self.close()

    def settle(self, covered: CoveredSpan, gaps: Sequence[Gap]) -> None:
        """Replace all that is known of a span. Gaps end where candles are stored."""
        self._put([covered])
        before = self.gaps(covered.span)
        new = [part for gap in gaps for part in outside([gap], runs(self._times(gap.span), self._length_ms))]
        self._change_gaps(before, (*outside(before, [covered.span]), *new))

    def forget(self, span: TimeSpan) -> None:
        """The candles of ``span`` are about to be deleted."""
        self.close()
        before = self._spans(span)
        self._change_spans(before, tuple(outside(before, [span])))
        self._fill([span])

    def adopt(self, other: SeriesCoverage) -> None:
        """Take over from ``other`` what is not known here. Its candles are about to be moved here."""
        self.close()
        other.close()
        known = [each.span for each in self.spans()]
        filled = [run for gap in self.gaps() for run in runs(other._times(gap.span), self._length_ms)]
        self._put(tuple(outside(other.spans(), known)))
        self._fill(filled)
        self._change_gaps((), tuple(outside(other.gaps(), known)))

    def _loose(self) -> tuple[CoveredSpan, ...]:
        (end_ms,) = self._connection.execute(_END, (self._series,)).fetchone()
        return self._live(self._times(TimeSpan(end_ms, EVER.to_ms)))

    def _live(self, times: Sequence[int]) -> tuple[CoveredSpan, ...]:
        return tuple(CoveredSpan(span, Way.LIVE, span.to_ms) for span in runs(times, self._length_ms))

    def _put(self, spans: Sequence[CoveredSpan]) -> None:
        if spans:
            before = self._spans(TimeSpan(spans[0].span.from_ms, spans[-1].span.to_ms))
            self._change_spans(before, replaced(before, spans))

    def _fill(self, spans: Sequence[TimeSpan]) -> None:
        """Take ``spans``, ascending and disjoint, out of the gaps."""
        if spans:
            before = self.gaps(TimeSpan(spans[0].from_ms, spans[-1].to_ms))
            self._change_gaps(before, tuple(outside(before, spans)))

    def _spans(self, near: TimeSpan) -> tuple[CoveredSpan, ...]:
        rows = self._connection.execute(_SPANS, self._key(near))
        return tuple(CoveredSpan(TimeSpan(row[0], row[1]), Way(row[2]), row[3]) for row in rows)

    def _times(self, span: TimeSpan) -> list[int]:
        return [row[0] for row in self._connection.execute(_TIMES, self._key(span))]

    def _key(self, span: TimeSpan) -> tuple[int, int, int]:
        return self._series, span.from_ms, span.to_ms

    def _change_spans(self, before: Iterable[CoveredSpan], after: Iterable[CoveredSpan]) -> None:
        old, new = set(before), set(after)
        self._delete("coverage", (each.span for each in old - new))
        self._connection.executemany(
            "INSERT INTO coverage VALUES (?, ?, ?, ?, ?)",
            ((*self._key(each.span), each.way.value, each.fetched_at_ms) for each in new - old),
        )

    def _change_gaps(self, before: Iterable[Gap], after: Iterable[Gap]) -> None:
        old, new = set(before), set(after)
        self._delete("gaps", (each.span for each in old - new))
        self._connection.executemany(
            "INSERT INTO gaps VALUES (?, ?, ?, ?, ?, ?)",
            ((*self._key(each.span), each.reason.value, each.tries, each.next_try_at_ms) for each in new - old),
        )

    def _delete(self, table: str, spans: Iterable[TimeSpan]) -> None:
        self._connection.executemany(
            f"DELETE FROM {table} WHERE series = ? AND from_ms = ?", ((self._series, span.from_ms) for span in spans)
        )
