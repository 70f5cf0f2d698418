"""The candles of a reference symbol: fetched and stored, but not traded."""

from __future__ import annotations

import asyncio
import logging

from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import HOUR_MS
from autopilot.engine.market_window import MarketWindow
from autopilot.ports.market_data import CandleSource

WAIT_S = 1.0
"""The longest that a decision waits for its reference. Without it there is no opinion."""
LEAD_MS = 1_000
"""After a close the next candle is fetched without being asked for, so that no decision waits for it."""
FIRST_WAIT_S = 8.0
"""Before the first candles are there: they take several requests."""
PAUSE_S = 1.0
"""Before the exchange is asked again for a candle that has just closed: it may not be final at first."""
LOOKS = 3
RETRY_MS = 30_000
"""After an error, or a candle that did not come."""
ABSENT_MS = HOUR_MS
"""A market that the exchange does not have is not asked for again so soon."""

log = logging.getLogger(__name__)


class ReferenceCandles:
    """The candles of ``symbol`` in ``window``, for all symbols of one account and timeframe that are compared with it:
    each candle is fetched once for all of them."""

    def __init__(self, source: CandleSource, window: MarketWindow, symbol: str, wait_s: float = WAIT_S) -> None:
        self._source = source
        self._window = window
        self._symbol = symbol
        self._wait_s = wait_s
        self._asking: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._again_ms = 0
        self._trouble = ""

    async def as_reference(self, until_ms: int, length: int) -> Candles | None:
        """The last ``length`` candles, if available, for another symbol's decision at ``until_ms``; None if there are
        no candles. Waits for a real market no longer than ``wait_s``, and raises StoreError only."""
        try:
            if self._source.kind is MarketKind.REAL:
                await self._follow(until_ms)
            else:
                await self._window.reach(until_ms)
            known = await self._window.upto(until_ms, length)
        except ExchangeError:
            return None
        return known if len(known) else None

    async def close(self) -> None:
        if self._timer:
            self._timer.cancel()
        if self._asking:
            self._asking.cancel()
            await asyncio.wait([self._asking])

    async def _follow(self, until_ms: int) -> None:
        """A request that takes longer goes on, for the decisions to come."""
        self._expect_next()
        if not self._has(until_ms):
            self._start(until_ms)
        if self._asking is None or self._has(until_ms):
            return
        asking = self._asking
        await asyncio.wait([asking], timeout=self._wait_s if len(self._window.candles) else FIRST_WAIT_S)
        if asking.done():
            self._asking = None
            asking.result()

    def _expect_next(self) -> None:
        """Fetch the next candle when it has closed, once for each time that somebody asks."""
        now_ms, loop = self._source.clock.now_ms(), asyncio.get_running_loop()
        if self._timer and self._timer.when() > loop.time():
            return
        opened_ms = self._window.timeframe.floor(now_ms)
        due_ms = opened_ms + self._window.timeframe.ms + LEAD_MS
        self._timer = loop.call_later((due_ms - now_ms) / 1000, self._start, opened_ms)

    def _start(self, until_ms: int) -> None:
        if self._asking and self._asking.done() and not self._asking.cancelled() and not self._asking.exception():
            self._asking = None
        if self._asking is None and self._source.clock.now_ms() >= self._again_ms:
            self._asking = asyncio.create_task(self._ask(until_ms), name=f"reference {self._symbol}")

    async def _ask(self, until_ms: int) -> None:
        try:
            for look in range(LOOKS):
                await asyncio.sleep(PAUSE_S if look else 0)
                await self._window.refresh()
                if self._has(until_ms):
                    break
        except ExchangeError as error:
            is_absent = isinstance(error, UnknownSymbol | UnknownTimeframe)
            self._wait(ABSENT_MS if is_absent else RETRY_MS)
            self._say(str(error))
        else:
            if not self._has(until_ms):
                self._wait(RETRY_MS)
            self._say("")

    def _has(self, until_ms: int) -> bool:
        return len(self._window.candles) > 0 and self._window.candles.last_at_ms >= until_ms

    def _wait(self, pause_ms: int) -> None:
        self._again_ms = self._source.clock.now_ms() + pause_ms

    def _say(self, trouble: str) -> None:
        """Once, until it is over."""
        if trouble and not self._trouble:
            log.warning(
                "%s %s: no reference candles, so strategies that compare with it have no opinion: %s",
                self._source.name,
                self._symbol,
                trouble,
            )
        self._trouble = trouble
