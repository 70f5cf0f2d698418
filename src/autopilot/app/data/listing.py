"""Where the history of a market begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from autopilot.ports.history import FetchedChunk, HistoryChunk


@dataclass(slots=True)
class Beginning:
    """``first_ms``: when the first candle opened, None if none was found; ``empty``: how many answers had no candle."""

    first_ms: int | None = None
    empty: int = 0


async def find_beginning(
    chunks: Sequence[HistoryChunk], fetch: Callable[[HistoryChunk], Awaitable[FetchedChunk]]
) -> Beginning:
    """The beginning of the history in ``chunks``, which are in order of time. Raises what ``fetch`` raises."""
    found = Beginning()

    async def has_candles(number: int) -> bool:
        answer = await fetch(chunks[number])
        shown_ms = int(answer.candles.open_at_ms[0]) if len(answer.candles) else answer.next_at_ms
        if shown_ms is not None:
            found.first_ms = shown_ms if found.first_ms is None else min(found.first_ms, shown_ms)
        if len(answer.candles):
            return True
        found.empty += 1
        return False

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
