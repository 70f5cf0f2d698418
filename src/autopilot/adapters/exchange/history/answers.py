"""Which part of a requested page an answer really answers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from autopilot.adapters.exchange.candle_rows import Row
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class Proof:
    """What the answers so far have shown that one answer can hold: ``rows``, and ``reach``, the length in candles of a
    span that was answered from end to end."""

    rows: int = 0
    reach: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a page of candles that open in ``span``. ``rows``: the sound ones, by time. ``size``: the number of
    all rows. The request included one candle more on either side, because exchanges differ in counting the ends."""

    timeframe: Timeframe
    span: TimeSpan
    rows: Sequence[Row]
    size: int

    @property
    def count(self) -> int:
        """How many candles the span can hold."""
        return (self.span.to_ms - self.span.from_ms) // self.timeframe.ms

    @property
    def inside(self) -> Sequence[Row]:
        """The rows within the span."""
        ends = (self.span.from_ms, self.span.to_ms)
        first, after = (bisect_left(self.rows, end_ms, key=itemgetter(0)) for end_ms in ends)
        return self.rows[first:after]

    @property
    def begins_after(self) -> bool:
        """Whether there are rows, all of them later than the span."""
        return bool(self.rows) and self.rows[0][0] >= self.span.to_ms

    @property
    def goes_on(self) -> bool:
        """Whether there are rows later than those that were requested: the exchange gives what comes next."""
        return bool(self.rows) and self.rows[-1][0] > self.span.to_ms + self.timeframe.ms

    @property
    def surrounds(self) -> bool:
        """Whether there are rows on both sides of the span."""
        return bool(self.rows) and self.rows[0][0] < self.span.from_ms and self.rows[-1][0] >= self.span.to_ms

    @property
    def next_at_ms(self) -> int | None:
        """Open time of the first candle after the span, if the answer has a later row."""
        return next((row[0] for row in self.rows if row[0] >= self.span.to_ms), None)

    def known(self, proof: Proof) -> TimeSpan:
        """The part of the span that is answered.

        An answer may be cut short, at its old end or at its new one, by a number of rows or by a length of time. An end
        is answered if there is a row at it or beyond it. If there is none, it is answered only if an answer can hold
        more than this one does: else the exchange may have cut there.
        """
        inside = self.inside
        is_whole = self.size < min(proof.rows, self.count + 2) and self.count <= proof.reach
        if not inside or is_whole:
            return self.span
        first_ms, after_ms = inside[0][0], inside[-1][0] + self.timeframe.ms
        return TimeSpan(
            self.span.from_ms if self.rows[0][0] <= self.span.from_ms else first_ms,
            self.span.to_ms if self.rows[-1][0] >= self.span.to_ms else after_ms,
        )

    def added_to(self, proof: Proof) -> Proof:
        """``proof`` with what this answer shows."""
        known = self.known(proof)
        reach = (known.to_ms - known.from_ms) // self.timeframe.ms if self.inside else 0
        return Proof(max(proof.rows, self.size), max(proof.reach, reach))
