"""Exits when a cycle does not come to them: it failed, or it takes long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from autopilot.domain.errors import ExchangeError, StoreError
from autopilot.domain.market import Market
from autopilot.engine.account import AccountLock
from autopilot.engine.market_window import MarketWindow
from autopilot.engine.trader import Trader


class ExitWatch:
    """Checks the exits of one symbol of a real market. It takes the account's lock. Methods raise StoreError if an exit
    cannot be stored; an error of the exchange stays in the orders."""

    def __init__(self, trader: Trader, window: MarketWindow, lock: AccountLock, interval_s: float) -> None:
        self._trader = trader
        self._window = window
        self._lock = lock
        self._interval_s = interval_s

    async def check(self, market: Market) -> None:
        """Check the exits against the latest price."""
        with suppress(ExchangeError, StoreError):
            await self._window.refresh()
        if self._window.quote:
            async with self._lock.for_cycle():
                with suppress(ExchangeError):
                    await self._trader.check_exits(market, self._window.quote)

    async def fill_window(self, market: Market) -> None:
        """Fetch the candles that are missing in the window, if any, and check the exits at each interval meanwhile.
        Raises MarketUnavailable too."""
        if self._window.is_to_be_filled:
            async with self.at_each_interval(market):
                await self._window.fill()

    @asynccontextmanager
    async def at_each_interval(self, market: Market) -> AsyncIterator[None]:
        """Check them at each interval, as if no cycle were under way."""
        ended = asyncio.Event()
        watching = asyncio.create_task(self._until(ended, market))
        try:
            yield
        finally:
            ended.set()
            await watching

    async def _until(self, ended: asyncio.Event, market: Market) -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), self._interval_s)
            if not ended.is_set():
                await self.check(market)
