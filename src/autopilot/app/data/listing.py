"""Where the history of a market begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def first_answered(count: int, has_candles: Callable[[int], Awaitable[bool]]) -> int:
    """The first of ``count`` chunks, in order of time, that has candles; ``count`` if all are empty.

    Found by halving. An outage as long as a chunk looks as if the market began after it. So earlier chunks are fetched
    then, at distances that double, and the search goes on before one with candles.
    """
    if not count or await has_candles(0):
        return 0
    first = count
    while True:
        first = await _halved(0, first, has_candles)
        earlier = await _earlier(first, has_candles)
        if earlier is None:
            return first
        first = earlier


async def _halved(empty: int, first: int, has_candles: Callable[[int], Awaitable[bool]]) -> int:
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
