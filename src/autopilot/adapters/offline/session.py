"""The clock of a market that is not really there, and the turns in which its candles are handed out.

Candles go out in one order, by closing time and then by symbol, and one at a time: a symbol gets its next candle
when every symbol has decided all that comes before it. So a run gives the same result at any speed, and after any
interruption.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

LONGEST_WAIT_S = 1.0
"""A fetch waits at most this long for its turn or for its candle to be due; then it comes back empty-handed."""

Key = tuple[int, str]


@dataclass(slots=True)
class _Paced:
    """Market time passes ``speed`` times as fast as the wall clock, from an anchor on; 0 waits for nothing."""

    speed: float
    wall_s: Callable[[], float]
    anchor: tuple[int, float] | None = None

    def due_in_s(self, at_ms: int) -> float:
        if not self.speed:
            return 0.0
        if self.anchor is None:
            self.anchor = (at_ms, self.wall_s())
        from_ms, from_s = self.anchor
        return from_s + (at_ms - from_ms) / 1000 / self.speed - self.wall_s()


class MarketSession:
    """Who takes part, which candle each is at, and what time it is. ``speed``: market seconds in a wall second, 0
    for as fast as the cycles go."""

    def __init__(self, speed: float, wall_s: Callable[[], float] = time.monotonic) -> None:
        self._paced = _Paced(speed, wall_s)
        self._next: dict[str, Key] = {}
        self._now_ms = 0
        self._moved = asyncio.Event()

    def now_ms(self) -> int:
        """The close of the latest candle that was handed out."""
        return self._now_ms

    def enter(self, symbol: str, next_close_ms: int, decided_close_ms: int | None) -> None:
        """``symbol`` will want the candle that closes at ``next_close_ms``; it has decided the one before."""
        self._next[symbol] = (next_close_ms, symbol)
        if decided_close_ms is not None:
            self._now_ms = max(self._now_ms, decided_close_ms)
        self._notify()

    def leave(self, symbol: str) -> None:
        self._next.pop(symbol, None)
        self._notify()

    async def turn(self, symbol: str, close_ms: int) -> bool | None:
        """Wait for the turn of the candle that closes at ``close_ms``, which says that all before it are decided.

        True: it is handed out. False: not yet, ask again at once. None: it is not due for a while.
        """
        key = (close_ms, symbol)
        if self._next.get(symbol) != key:
            self._next[symbol] = key
            self._notify()
        if not await self._first(key):
            return False
        due_in_s = self._paced.due_in_s(close_ms)
        if due_in_s > LONGEST_WAIT_S:
            return None
        if due_in_s > 0:
            await asyncio.sleep(due_in_s)
        self._now_ms = max(self._now_ms, close_ms)
        return True

    async def _first(self, key: Key) -> bool:
        deadline = asyncio.get_running_loop().time() + LONGEST_WAIT_S
        while min(self._next.values()) != key:
            moved = self._moved
            try:
                async with asyncio.timeout_at(deadline):
                    await moved.wait()
            except TimeoutError:
                return False
        return True

    def _notify(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
