"""The plan of a download: which candles are missing, by which way they come, and how much that costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autopilot.adapters.store.candles import BYTES_PER_CANDLE
from autopilot.app.data.ledger import candle_count, is_due, joined_across, lacking, overlap, settled_part, within
from autopilot.domain.coverage import Gap, GapReason, TimeSpan, Way, missing, union
from autopilot.domain.errors import ExchangeError, HistoryUnavailable
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.ports.history import CoverageStore, HistoryChunk, HistoryWay

ARCHIVED_MS = 31 * DAY_MS
"""The most that an archive file holds."""
NEAR = 100
"""Candles between two missing parts that are fetched with them: a page holds more."""

OUT_OF_REACH = {
    GapReason.REFUSED: "refused these candles at the last try",
    GapReason.BEYOND_HISTORY: "gives its latest candles only, and these are older",
}
"""Candles that exist, and that the exchange does not give, with the words about them."""
WAYS_OUT = "add --source with another exchange, --from-trades, or import files: autopilot data import PATH"

Ways = Mapping[str, Sequence[HistoryWay]]
"""The ways to the history of each exchange. The first one that gives a part of it is taken for that part."""


@dataclass(frozen=True, slots=True)
class WantedSeries:
    """The candles of one market in a span. ``is_reference``: another symbol is compared with them, and does without if
    need be."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    span: TimeSpan
    is_reference: bool = False

    def __str__(self) -> str:
        return f"{self.exchange} {self.symbol} {self.timeframe}"


@dataclass(frozen=True, slots=True)
class Missing:
    """Candles that could not be fetched, and why. ``error``: the whole of it."""

    span: TimeSpan
    error: ExchangeError


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """``covered`` and ``gaps``: what is known of the wanted time, and right before it; ``lacking``: the spans to ask
    for; ``chunks``: how they are fetched, oldest first; ``missing``: the rest, which no way gives."""

    wanted: WantedSeries
    covered: tuple[TimeSpan, ...]
    gaps: tuple[Gap, ...]
    lacking: tuple[TimeSpan, ...]
    chunks: tuple[HistoryChunk, ...]
    missing: tuple[Missing, ...]

    @property
    def stored(self) -> int:
        """How many of the wanted candles are here."""
        timeframe, span = self.wanted.timeframe, self.wanted.span
        return candle_count(within(self.covered, span), timeframe) - self.absent

    @property
    def absent(self) -> int:
        """How many of the wanted candles do not exist, as far as is known."""
        return candle_count(within([each.span for each in self.gaps], self.wanted.span), self.wanted.timeframe)

    @property
    def candles(self) -> int:
        """The most candles that will come."""
        spans = [part for chunk in self.chunks for span in self.lacking if (part := overlap(chunk.span, span))]
        return candle_count(spans, self.wanted.timeframe)


@dataclass(frozen=True, slots=True)
class Effort:
    """The work of one way of one exchange. ``seconds``: at the exchange's limit; ``bytes``: to transfer. How many
    trades there were is estimated: between ``fewest`` and ``most`` requests."""

    exchange: str
    way: Way
    chunks: int
    requests: int
    fewest: int
    most: int
    bytes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class DownloadPlan:
    """Of every wanted series, in their order."""

    series: tuple[SeriesPlan, ...]
    efforts: tuple[Effort, ...]

    @property
    def chunks(self) -> int:
        return sum(each.chunks for each in self.efforts)

    @property
    def seconds(self) -> float:
        """The ways work side by side."""
        return max((each.seconds for each in self.efforts), default=0.0)

    @property
    def candles(self) -> int:
        return sum(each.candles for each in self.series)

    @property
    def bytes(self) -> int:
        """On disk."""
        return self.candles * BYTES_PER_CANDLE


async def plan_download(wanted: Sequence[WantedSeries], ways: Ways, store: CoverageStore, now_ms: int) -> DownloadPlan:
    """Asks the exchanges for their lists of markets at most. An exchange's error is part of the plan. Raises
    StoreError."""
    return plan_of([await plan_series(each, ways[each.exchange], store, now_ms) for each in wanted], ways)


def plan_of(series: Sequence[SeriesPlan], ways: Ways) -> DownloadPlan:
    """What several plans cost together."""
    efforts = [
        _effort(way, [chunk for each in series if each.wanted.exchange == exchange for chunk in each.chunks])
        for exchange, several in ways.items()
        for way in several
    ]
    return DownloadPlan(tuple(series), tuple(each for each in efforts if each.chunks))


async def plan_series(
    wanted: WantedSeries, ways: Sequence[HistoryWay], store: CoverageStore, now_ms: int
) -> SeriesPlan:
    """Raises StoreError."""
    key = wanted.exchange, wanted.symbol, wanted.timeframe
    near = _asked_at_most(wanted.span, ways)
    covered, gaps = tuple(each.span for each in store.covered(*key, near)), store.gaps(*key, near)
    refused = [
        Missing(part, HistoryUnavailable(f"{wanted.exchange} {OUT_OF_REACH[each.reason]}", hint=WAYS_OUT))
        for each in gaps
        if each.reason in OUT_OF_REACH and not is_due(each, now_ms) and (part := overlap(each.span, wanted.span))
    ]
    needed = lacking(wanted.span, covered, gaps, now_ms)
    if any(each.way is Way.TRADES for each in ways):
        needed, refused = union([*needed, *(each.span for each in refused)]), []
    chunks, rest = await chunks_by(ways, wanted.symbol, wanted.timeframe, needed)
    rest = tuple(
        Missing(part, each.error) for each in rest if (part := settled_part(each.span, wanted.timeframe, now_ms))
    )
    return SeriesPlan(wanted, covered, gaps, needed, chunks, (*refused, *rest))


async def chunks_by(
    ways: Sequence[HistoryWay], symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]
) -> tuple[tuple[HistoryChunk, ...], tuple[Missing, ...]]:
    """The chunks of the first way that gives a part, oldest first, and the parts that no way gives."""
    found: list[HistoryChunk] = []
    rest: tuple[TimeSpan, ...] = tuple(lacking)
    why: ExchangeError | None = None
    for way in ways:
        while rest:
            try:
                chunks = await way.chunks(symbol, timeframe, joined_across(rest, NEAR * timeframe.ms))
            except ExchangeError as error:
                why = error
                break
            given = [chunk.span for chunk in chunks]
            left = tuple(part for each in rest for part in missing(each, given))
            if left == rest:
                break
            found += chunks
            rest = left
    return tuple(sorted(found, key=lambda each: each.span)), tuple(
        _missing(each, why, symbol, timeframe) for each in rest
    )


def _asked_at_most(span: TimeSpan, ways: Sequence[HistoryWay]) -> TimeSpan:
    """The span with those of the archive files that overlap it. Of years of a thin market the rest is long to read."""
    margin_ms = ARCHIVED_MS if any(each.way is Way.ARCHIVE for each in ways) else 0
    return TimeSpan(span.from_ms - margin_ms, span.to_ms + margin_ms)


def _effort(way: HistoryWay, chunks: Sequence[HistoryChunk]) -> Effort:
    own = [each for each in chunks if each.way is way.way]
    requests = sum(each.requests for each in own)
    ranges = [each.requests_between or (each.requests, each.requests) for each in own]
    return Effort(
        exchange=way.exchange,
        way=way.way,
        chunks=len(own),
        requests=requests,
        fewest=sum(fewest for fewest, _ in ranges),
        most=sum(most for _, most in ranges),
        bytes=sum(each.bytes for each in own),
        seconds=requests / way.requests_per_s,
    )


def _missing(span: TimeSpan, why: ExchangeError | None, symbol: str, timeframe: Timeframe) -> Missing:
    if why is None or isinstance(why, HistoryUnavailable):
        words = str(why) if why else f"the exchange does not give these {timeframe} candles of {symbol}"
        return Missing(span, HistoryUnavailable(words, hint=WAYS_OUT))
    return Missing(span, why)
