"""A download: every chunk of a plan fetched and committed by itself, several side by side.

What is committed is never fetched again: a download that ends early, by whatever, goes on where it ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from autopilot.adapters.clock import SteadyClock
from autopilot.app.data.lane import Lane
from autopilot.app.data.ledger import ASK_AGAIN_MS, gap_after, gaps_after, overlap, settled_part, within
from autopilot.app.data.listing import find_beginning
from autopilot.app.data.plan import (
    DownloadPlan,
    Missing,
    SeriesPlan,
    WantedSeries,
    Ways,
    chunks_by,
    plan_series,
)
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import CoveredSpan, Gap, GapReason, TimeSpan, Way, missing, runs, union
from autopilot.domain.errors import ExchangeError, HistoryUnavailable, StoreLocked
from autopilot.domain.progress import Progress
from autopilot.domain.timeframe import DAY_MS, utc_text
from autopilot.ports.clock import Clock
from autopilot.ports.history import CoverageStore, FetchedChunk, HistoryChunk

STAGE = "download"
SAVED_AT_ONCE = 20_000
"""Candles in one transaction, a tenth of a second: a daemon writes between two."""
LOCKED_TRIES = 12
"""To store an answer while another program, such as a backup, holds the database: a try waits five seconds."""
BEYOND_AGAIN_MS = 30 * DAY_MS
"""Before candles that are beyond an exchange's history are asked for again."""
FOREVER_MS = 2**62
UNHEARD_MS = DAY_MS
"""A market without a candle in a period that ends this recently is taken for dead."""


@dataclass(slots=True)
class SeriesOutcome:
    """``candles``: that were new or different; ``chunks``: that were answered; ``missing``: parts that could not be
    fetched; ``gaps``: candles that do not exist, as far as is known now."""

    plan: SeriesPlan
    candles: int = 0
    chunks: int = 0
    missing: list[Missing] = field(default_factory=list)
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class Downloaded:
    """``requests``: that were sent, failed ones too."""

    series: tuple[SeriesOutcome, ...]
    requests: int

    @property
    def unmet(self) -> tuple[tuple[WantedSeries, Missing], ...]:
        """What was wanted for itself and exists, and is neither stored now nor lent by another exchange."""
        return tuple(
            (each.plan.wanted, item)
            for each in self.series
            for item in each.missing
            if not (each.plan.wanted.is_reference or self._is_lent(each.plan.wanted, item.span))
        )

    def _is_lent(self, wanted: WantedSeries, span: TimeSpan) -> bool:
        return any(
            other.exchange != wanted.exchange
            and (other.symbol, other.timeframe) == (wanted.symbol, wanted.timeframe)
            and not missing(span, [other.span])
            and not each.missing
            for each in self.series
            for other in [each.plan.wanted]
        )


async def download(
    plan: DownloadPlan,
    ways: Ways,
    store: CoverageStore,
    progress: Progress,
    now_ms: int,
    *,
    steady: Clock | None = None,
) -> Downloaded:
    """Fetch the chunks of ``plan``. The ways are those that it was made with, and are not closed.

    Errors of an exchange are part of the result. Raises StoreError, and whatever ``progress`` raises.
    """
    run = _Run(plan, ways, store, progress, now_ms, steady or SteadyClock())
    await _side_by_side([run.series(each) for each in run.outcomes])
    for each in run.outcomes:
        wanted, each.missing = each.plan.wanted, _merged(each.missing)
        known = store.gaps(wanted.exchange, wanted.symbol, wanted.timeframe, wanted.span)
        each.gaps = tuple(gap for gap in known if overlap(gap.span, wanted.span))
    return Downloaded(tuple(run.outcomes), sum(lane.requests for lane in run.lanes.values()))


class _Run:
    """One download."""

    def __init__(
        self, plan: DownloadPlan, ways: Ways, store: CoverageStore, progress: Progress, now_ms: int, steady: Clock
    ) -> None:
        self.outcomes = [SeriesOutcome(each) for each in plan.series]
        self.lanes: Mapping[tuple[str, Way], Lane] = {
            (exchange, way.way): Lane(way, steady) for exchange, several in ways.items() for way in several
        }
        self._ways = ways
        self._store = store
        self._progress = progress
        self._now_ms = now_ms
        self._left = {id(each): len(each.plan.chunks) for each in self.outcomes}
        self._doubted: set[tuple[str, HistoryChunk]] = set()

    async def series(self, outcome: SeriesOutcome) -> None:
        """Fetch all of one series."""
        if not outcome.plan.lacking:
            outcome.missing += outcome.plan.missing
            return
        wanted = outcome.plan.wanted
        if await self._skip_unlisted(outcome):
            outcome.plan = await plan_series(wanted, self._ways[wanted.exchange], self._store, self._now_ms)
        outcome.missing += outcome.plan.missing
        for each in outcome.plan.missing:
            if isinstance(each.error, HistoryUnavailable) and not within(outcome.plan.covered, each.span):
                self._note(outcome, each.span, Way.PAGES, GapReason.BEYOND_HISTORY, BEYOND_AGAIN_MS)
        jobs = deque(outcome.plan.chunks)
        self._report(outcome, len(jobs))
        width = max((self.lanes[wanted.exchange, chunk.way].width for chunk in jobs), default=0)
        await _side_by_side([self._work(outcome, jobs) for _ in range(min(width, len(jobs)))])

    async def _work(self, outcome: SeriesOutcome, jobs: deque[HistoryChunk]) -> None:
        """The latest first: candles that adjoin the present are of use before the others are there."""
        while jobs:
            chunk = jobs.pop()
            try:
                answer = await self._lane(outcome, chunk).fetch(chunk)
            except ExchangeError as error:
                jobs += await self._otherwise(outcome, chunk, chunk.span, error)
            else:
                if self._is_new_doubt(outcome, chunk, answer):
                    jobs.appendleft(chunk)
                else:
                    jobs += await self._take(outcome, chunk, answer)
            self._report(outcome, len(jobs))

    def _is_new_doubt(self, outcome: SeriesOutcome, chunk: HistoryChunk, answer: FetchedChunk) -> bool:
        """Whether to ask once more, after all others: an exchange in trouble may give no candles, or others. An earlier
        download may have asked before."""
        key = outcome.plan.wanted.exchange, chunk
        is_known = not missing(chunk.span, [gap.span for gap in outcome.plan.gaps])
        is_new = answer.is_doubtful and not is_known and key not in self._doubted
        self._doubted.add(key)
        return is_new

    async def _take(self, outcome: SeriesOutcome, chunk: HistoryChunk, answer: FetchedChunk) -> Sequence[HistoryChunk]:
        """Commit an answer. Returns the chunks for the part that it leaves open."""
        self._commit(outcome, chunk, answer)
        found: list[HistoryChunk] = []
        if answer.known and chunk.way is Way.ARCHIVE:
            found += await self._left_out(outcome, chunk, answer.known, answer.candles)
        for span in missing(chunk.span, [answer.known] if answer.known else []):
            if answer.known and chunk.way is not Way.ARCHIVE:
                found.append(replace(chunk, span=span))
            elif part := settled_part(span, chunk.timeframe, self._now_ms):
                found += await self._otherwise(outcome, chunk, part, _unanswered(outcome.plan.wanted.exchange))
        return found

    async def _left_out(
        self, outcome: SeriesOutcome, chunk: HistoryChunk, known: TimeSpan, candles: Candles
    ) -> Sequence[HistoryChunk]:
        """Chunks by the later ways for the candles that a file does not have: files lack days that the exchange has."""
        ways, held = self._ways[outcome.plan.wanted.exchange], runs(candles.open_at_ms.tolist(), chunk.timeframe.ms)
        later = [each.way for each in ways].index(chunk.way) + 1
        holes = missing(known, [*held, *(gap.span for gap in outcome.plan.gaps)])
        found, _ = await chunks_by(ways[later:], chunk.symbol, chunk.timeframe, holes)
        return found

    def _commit(self, outcome: SeriesOutcome, chunk: HistoryChunk, answer: FetchedChunk) -> None:
        outcome.chunks += 1
        if answer.known is None:
            return
        step_ms = SAVED_AT_ONCE * chunk.timeframe.ms
        for from_ms in range(answer.known.from_ms, answer.known.to_ms, step_ms):
            piece = TimeSpan(from_ms, min(from_ms + step_ms, answer.known.to_ms))
            self._save(outcome, chunk.way, piece, answer.candles.since(piece.from_ms).until(piece.to_ms - 1))

    def _save(self, outcome: SeriesOutcome, way: Way, span: TimeSpan, candles: Candles) -> None:
        plan, timeframe = outcome.plan, candles.timeframe
        gaps = [gap for gap in plan.gaps if overlap(gap.span, span)]
        held = [part for each in within(plan.covered, span) for part in missing(each, [gap.span for gap in gaps])]
        stored = [*held, *runs(candles.open_at_ms.tolist(), timeframe.ms)]
        found: Sequence[Gap] = gaps_after(span, stored, timeframe, gaps, self._now_ms)
        if found and found[-1].span.to_ms == span.to_ms:
            *found, last = found
            hole = settled_part(last.span, timeframe, self._now_ms)
            end_ms = hole.to_ms if hole else last.span.from_ms
            if end_ms <= span.from_ms:
                return
            span, found = TimeSpan(span.from_ms, end_ms), [*found, *([replace(last, span=hole)] if hole else [])]
        self._keep(outcome, candles, CoveredSpan(span, way, self._now_ms), found)

    def _keep(self, outcome: SeriesOutcome, candles: Candles, covered: CoveredSpan, gaps: Sequence[Gap]) -> None:
        wanted = outcome.plan.wanted
        for tries_left in reversed(range(LOCKED_TRIES)):
            try:
                outcome.candles += self._store.save_covered(wanted.exchange, wanted.symbol, candles, covered, gaps)
            except StoreLocked:
                if not tries_left:
                    raise
            else:
                return

    async def _otherwise(
        self, outcome: SeriesOutcome, chunk: HistoryChunk, span: TimeSpan, error: ExchangeError
    ) -> Sequence[HistoryChunk]:
        """Chunks by the later ways for a part that a way does not give. Without any it is missing; if asking again does
        not help, it is a gap."""
        wanted = outcome.plan.wanted
        ways = self._ways[wanted.exchange]
        later = [each.way for each in ways].index(chunk.way) + 1
        found, rest = await chunks_by(ways[later:], wanted.symbol, wanted.timeframe, [span])
        for each in rest:
            outcome.missing.append(Missing(each.span, error if later == len(ways) else each.error))
            if isinstance(error, HistoryUnavailable):
                self._note(outcome, each.span, chunk.way, GapReason.REFUSED, ASK_AGAIN_MS)
        return found

    def _note(self, outcome: SeriesOutcome, span: TimeSpan, way: Way, reason: GapReason, pause_ms: int) -> None:
        """Enter a gap into the ledger for candles that exist, and that the exchange does not give."""
        gap = Gap(span, reason, 1, self._now_ms + pause_ms)
        self._keep(outcome, Candles.empty(outcome.plan.wanted.timeframe), CoveredSpan(span, way, self._now_ms), [gap])

    async def _skip_unlisted(self, outcome: SeriesOutcome) -> bool:
        """Find the first candle of a market of which nothing earlier is stored, instead of asking for thousands of
        empty pages. Returns whether anything was learned."""
        plan, wanted = outcome.plan, outcome.plan.wanted
        pages, leading = self.lanes.get((wanted.exchange, Way.PAGES)), _beginning_of(plan)
        if pages is None or leading is None:
            return False

        async def fetch(chunk: HistoryChunk) -> FetchedChunk:
            assert pages is not None, "there are pages"
            answer = await pages.fetch(chunk)
            if answer.is_doubtful and chunk.span.from_ms <= leading.from_ms:
                answer = await pages.fetch(chunk)  # without candles at the beginning, the search skips what follows
            if answer.known is None:
                raise _unanswered(wanted.exchange)
            if len(answer.candles) and chunk.timeframe is wanted.timeframe:
                self._commit(outcome, chunk, answer)
            return answer

        try:
            found = await find_beginning(pages.way, wanted.symbol, wanted.timeframe, leading, fetch)
        except ExchangeError:
            return True  # the chunks that follow meet it too, and report it
        if found is None:
            return False
        if found.first_ms is None and leading.to_ms > self._now_ms - UNHEARD_MS:
            error = HistoryUnavailable(
                f"{wanted.exchange} has no {wanted.timeframe} candle of {wanted.symbol} since "
                f"{utc_text(leading.from_ms)}",
                hint="use a longer period (--days), or another exchange (--exchange)",
            )
            outcome.missing.append(Missing(leading, error))
            outcome.plan = replace(plan, chunks=(), missing=())
            return False
        first_ms = leading.to_ms if found.first_ms is None else min(leading.to_ms, found.first_ms)
        if found.empty and first_ms > leading.from_ms:
            span = TimeSpan(leading.from_ms, first_ms)
            tries = max((gap.tries for gap in plan.gaps if overlap(gap.span, span)), default=0)
            gap = gap_after(span, GapReason.NOT_LISTED, tries + found.empty, self._now_ms)
            self._keep(outcome, Candles.empty(wanted.timeframe), CoveredSpan(span, Way.PAGES, self._now_ms), [gap])
        return True

    def _lane(self, outcome: SeriesOutcome, chunk: HistoryChunk) -> Lane:
        return self.lanes[outcome.plan.wanted.exchange, chunk.way]

    def _report(self, outcome: SeriesOutcome, left: int) -> None:
        self._left[id(outcome)] = left
        done = sum(each.chunks for each in self.outcomes)
        self._progress(STAGE, done, done + sum(self._left.values()), str(outcome.plan.wanted))


def _beginning_of(plan: SeriesPlan) -> TimeSpan | None:
    """The span at the beginning of the wanted one of which nothing is known, if no earlier candle is stored."""
    leading = plan.lacking[0]
    if leading.from_ms != plan.wanted.span.from_ms:
        return None
    earlier = within(plan.covered, TimeSpan(-FOREVER_MS, leading.from_ms))
    gaps = [gap.span for gap in plan.gaps]
    return None if any(missing(each, within(gaps, each)) for each in earlier) else leading


def _unanswered(exchange: str) -> HistoryUnavailable:
    return HistoryUnavailable(f"{exchange} does not answer about that time", hint="try again later")


def _merged(found: Sequence[Missing]) -> list[Missing]:
    """Neighbors with the same reason as one, oldest first."""
    by_reason: dict[str, list[Missing]] = {}
    for each in found:
        by_reason.setdefault(str(each.error), []).append(each)
    merged = (
        Missing(span, same[0].error) for same in by_reason.values() for span in union([each.span for each in same])
    )
    return sorted(merged, key=lambda each: each.span)


async def _side_by_side(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Await all; the first error cancels the others and is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
