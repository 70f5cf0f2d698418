"""Who trades on an account at a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AccountLock:
    """One at a time. Whom the user sends goes before all cycles that wait."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._users = 0
        self._no_user = asyncio.Event()
        self._no_user.set()

    @asynccontextmanager
    async def cycle(self) -> AsyncIterator[None]:
        """A cycle's turn."""
        await self._lock.acquire()
        while self._users:
            self._lock.release()
            await self._no_user.wait()
            await self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @asynccontextmanager
    async def user(self) -> AsyncIterator[None]:
        """The turn of what a user asked for."""
        self._users += 1
        self._no_user.clear()
        try:
            async with self._lock:
                yield
        finally:
            self._users -= 1
            if not self._users:
                self._no_user.set()
