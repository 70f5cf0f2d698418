"""Where the history of a market begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import HistoryUnavailable, UnknownTimeframe
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay

FEW = 3
"""Chunks that are fetched without a search."""
Fetch = Callable[[HistoryChunk], Awaitable[FetchedChunk]]


@dataclass(slots=True)
class Beginning:
    """``first_ms``: when the first candle opened, None without any; ``empty``: the number of answers that show it."""

    first_ms: int | None = None
    empty: int = 0


async def find_beginning(
    way: HistoryWay, symbol: str, timeframe: Timeframe, leading: TimeSpan, fetch: Fetch
) -> Beginning | None:
    """The beginning of a market's history in ``leading``; None if it is near, or if ``way`` does not reach as far back.
    Raises ExchangeError.

    The search looks at candles of a day, which are few. Where these are missing, or do not open at midnight UTC, it
    looks at the wanted ones.
    """
    chunks = await way.chunks(symbol, timeframe, [leading])
    if len(chunks) <= FEW or chunks[0].span.from_ms > leading.from_ms:
        return None
    if timeframe is not Timeframe.D1:
        whole_days = TimeSpan(Timeframe.D1.floor(leading.from_ms), Timeframe.D1.floor(leading.to_ms - 1) + DAY_MS)
        try:
            found = await _searched(await way.chunks(symbol, Timeframe.D1, [whole_days]), fetch)
        except (UnknownTimeframe, HistoryUnavailable):
            found = Beginning()
        if found.first_ms is not None:
            return found if found.first_ms > leading.from_ms else Beginning(leading.from_ms)
    return await _searched(chunks, fetch)


async def _searched(chunks: Sequence[HistoryChunk], fetch: Fetch) -> Beginning:
    found = Beginning()

    async def has_candles(number: int) -> bool:
        answer = await fetch(chunks[number])
        shown_ms = int(answer.candles.open_at_ms[0]) if len(answer.candles) else answer.next_at_ms
        if shown_ms is not None:
            found.first_ms = shown_ms if found.first_ms is None else min(found.first_ms, shown_ms)
        if not shown_ms or shown_ms > chunks[number].span.from_ms:
            found.empty += 1
        return bool(len(answer.candles))

    if chunks and not await has_candles(0) and found.first_ms is None:
        await first_answered(len(chunks), has_candles)
    return found


async def first_answered(count: int, has_candles: Callable[[int], Awaitable[bool]]) -> int:
    """The first of ``count`` chunks that has candles, where the first one has none; ``count`` if all are empty.

    Found by halving. An outage as long as a chunk looks as if the market began after it. So earlier chunks are fetched
    then, at distances that double, and the search goes on before one with candles.
    """
    first = count
    while True:
        first = await _halved(first, has_candles)
        earlier = await _earlier(first, has_candles)
        if earlier is None:
            return first
        first = earlier


async def _halved(first: int, has_candles: Callable[[int], Awaitable[bool]]) -> int:
    empty = 0
    while first - empty > 1:
        middle = (empty + first) // 2
        if await has_candles(middle):
            first = middle
        else:
            empty = middle
    return first


async def _earlier(first: int, has_candles: Callable[[int], Awaitable[bool]]) -> int | None:
    """A chunk with candles before ``first``."""
    distance = 2
    while first - distance > 0:
        if await has_candles(first - distance):
            return first - distance
        distance *= 2
    return None
