"""The candles that running symbols missed: fetched before a symbol decides, and in idle time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext

from autopilot.app.data.download import download
from autopilot.app.data.plan import WantedSeries, plan_download
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import HistoryUnavailable, MarketUnavailable
from autopilot.domain.progress import unwatched
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.history import Backfill, CoverageStore, FetchedChunk, HistoryChunk, HistoryWay

FILL_S = 25.0
"""For one call before a decision. What it has fetched until then is stored, and the next call goes on there."""

log = logging.getLogger(__name__)


class SeriesBackfill(Backfill):
    """``way``: to the past candles of a real exchange; ``clock``: the exchange's. ``turn`` is held during the requests:
    if all symbols fetched at the same time, live requests would wait behind those of all of them."""

    def __init__(
        self,
        way: HistoryWay,
        store: CoverageStore,
        clock: Clock,
        within_s: float | None = FILL_S,
        turn: asyncio.Lock | None = None,
    ) -> None:
        self._way = way
        self._store = store
        self._clock = clock
        self._within_s = within_s
        self._turn = turn

    async def fill(self, symbol: str, timeframe: Timeframe, span: TimeSpan) -> int:
        exchange, now_ms = self._way.exchange, self._clock.now_ms()
        known = [each.span for each in self._store.covered(exchange, symbol, timeframe, span)]
        begins = [max(each.from_ms, span.from_ms) for each in known if each.to_ms > span.from_ms]
        if not begins or begins[0] >= span.to_ms:
            return 0
        wanted = WantedSeries(exchange, symbol, timeframe, TimeSpan(begins[0], span.to_ms))
        ways = {exchange: [self._way]}
        plan = await plan_download([wanted], ways, self._store, now_ms)
        turn = self._turn if self._turn and any(each.lacking for each in plan.series) else nullcontext()
        try:
            async with turn, asyncio.timeout(self._within_s):
                done = await download(plan, ways, self._store, unwatched, now_ms)
        except TimeoutError:
            raise MarketUnavailable(
                f"{exchange}: fetching the missed candles of {symbol} takes long",
                hint="wait: Autopilot goes on with it by itself",
            ) from None
        (outcome,) = done.series
        if outcome.candles:
            log.info("%s: fetched %d missed candles", wanted, outcome.candles)
        for each in outcome.missing:
            if not isinstance(each.error, HistoryUnavailable):
                raise MarketUnavailable(str(each.error), hint=each.error.hint)
        return outcome.candles


class IdleWay(HistoryWay):
    """A way with one request at a time, each after ``idle``: live requests do not wait behind it."""

    def __init__(self, way: HistoryWay, idle: Callable[[], Awaitable[None]]) -> None:
        self._way = way
        self._idle = idle
        self._turn = asyncio.Lock()

    @property
    def way(self) -> Way:
        return self._way.way

    @property
    def exchange(self) -> str:
        return self._way.exchange

    @property
    def requests_per_s(self) -> float:
        return self._way.requests_per_s

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        return await self._way.chunks(symbol, timeframe, lacking)

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        async with self._turn:
            await self._idle()
            return await self._way.fetch(chunk)

    async def close(self) -> None:
        """Nothing: the way belongs to others."""
