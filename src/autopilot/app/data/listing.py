"""Where the history of a market begins."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def first_answered(count: int, has_candles: Callable[[int], Awaitable[bool]]) -> int:
    """The first of ``count`` chunks, in order of time, that has candles; ``count`` if none is found.

    Found by halving. An outage that is as long as a chunk looks as if the market began after it: so ever earlier chunks
    are asked for then, at distances that double, and one with candles begins the search before it anew.
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
