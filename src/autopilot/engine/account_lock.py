"""Who trades on an account at a moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class AccountLock:
    """One holder at a time; user commands come before waiting cycles."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._users = 0
        self._no_user = asyncio.Event()
        self._no_user.set()

    @asynccontextmanager
    async def for_cycle(self) -> AsyncIterator[None]:
        """Hold the account for a cycle."""
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
    async def for_user(self) -> AsyncIterator[None]:
        """Hold the account for a user's command."""
        self._users += 1
        self._no_user.clear()
        try:
            async with self._lock:
                yield
        finally:
            self._users -= 1
            if not self._users:
                self._no_user.set()
