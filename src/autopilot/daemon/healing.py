"""The gaps in the history of running symbols, filled in idle time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator

from autopilot.adapters.exchange.ccxt_source import CcxtCandles
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.daemon.autopilots import Running
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import AutopilotError
from autopilot.domain.market import MarketKind, reference_of
from autopilot.domain.timeframe import DAY_MS, Timeframe

HEAL_EVERY_S = 3600.0
HEALED_DAYS = 30
BEFORE_CLOSE_MS, AFTER_CLOSE_MS = 5_000, 15_000
"""Around a close all requests are those of the cycles."""
PACE_S = 1.0
"""Between two requests, so that most of the exchange's limit is left."""

log = logging.getLogger(__name__)


class Healing:
    """Fetches what is missing of the last 30 days of each running symbol on a real market, and of its reference, after
    the first stored candle. ``running`` gives the symbols that run."""

    def __init__(self, running: Callable[[], Iterable[Running]], database: Database) -> None:
        self._running = running
        self._store = SqliteCandles(database)

    async def review(self) -> None:
        """Series after series. Errors are logged, and the next run tries again. Ends when it is canceled."""
        try:
            for source, symbol, timeframe in tuple(self._series()):
                await self._heal(source, symbol, timeframe)
        except asyncio.CancelledError:
            log.debug("healing was interrupted")

    async def _heal(self, source: CcxtCandles, symbol: str, timeframe: Timeframe) -> None:
        from autopilot.app.data.backfill import IdleWay, SeriesBackfill

        backfill = SeriesBackfill(IdleWay(source.pages, self._is_quiet), self._store, source.clock, None)
        end_ms = timeframe.floor(source.clock.now_ms())
        try:
            await backfill.fill(symbol, timeframe, TimeSpan(end_ms - HEALED_DAYS * DAY_MS, end_ms))
        except AutopilotError as error:
            log.info("%s %s %s is not healed: %s", source.name, symbol, timeframe, error)

    def _series(self) -> Iterator[tuple[CcxtCandles, str, Timeframe]]:
        seen = set()
        for each in self._running():
            settings, source = each.autopilot.settings, each.venue.source
            if not isinstance(source, CcxtCandles):
                continue
            for symbol in (settings.symbol, reference_of(settings.symbol)):
                if (source.name, symbol, settings.timeframe) not in seen:
                    seen.add((source.name, symbol, settings.timeframe))
                    yield source, symbol, settings.timeframe

    async def _is_quiet(self) -> None:
        """Returns when no cycle is under way and no close is near."""
        wait_s = PACE_S
        while wait_s > 0:
            await asyncio.sleep(wait_s)
            wait_s = max((_busy_s(each) for each in self._running()), default=0.0)


def _busy_s(running: Running) -> float:
    """For how long a symbol on a real market comes first: at least a second during a cycle."""
    if running.venue.source.kind is not MarketKind.REAL:
        return 0.0
    length_ms = running.autopilot.settings.timeframe.ms
    since_ms = (running.venue.source.clock.likely_ms() + BEFORE_CLOSE_MS) % length_ms
    near_ms = max(BEFORE_CLOSE_MS + AFTER_CLOSE_MS - since_ms, 0)
    return max(near_ms / 1000, 0.0 if running.idle.is_set() else 1.0)
