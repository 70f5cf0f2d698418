"""Candles of the same market on another exchange, from before the first candle that ours gives."""

from __future__ import annotations

import asyncio
import logging

from autopilot.domain.candles import Candles
from autopilot.domain.errors import AutopilotError
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.market_data import CandleSource, CandleStore

PAGE = 300
"""The most candles that are fetched: one page of any exchange."""
PATIENCE_S = 3.0
"""How long a decision waits for them. They are there for a later one."""
ASK_AGAIN_MS = HOUR_MS
LONGEST_SEAM = 3
"""The most candles that may be missing between the last lent one and the first of our own."""

log = logging.getLogger(__name__)


class LentCandles:
    """They are stored as candles of their own exchange and joined with ours in memory only. Its faults are logged and
    raise nothing; it is asked again after an hour."""

    def __init__(self, source: CandleSource, store: CandleStore, symbol: str, timeframe: Timeframe) -> None:
        self.exchange = source.name
        self._source = source
        self._store = store
        self._symbol = symbol
        self._timeframe = timeframe
        self._candles = Candles.empty(timeframe)
        self._ask_at_ms = 0
        self._asking: asyncio.Task[None] | None = None
        self._trouble = ""

    async def before(self, first_at_ms: int, wanted: int) -> Candles:
        """At most ``wanted`` candles that end right before the one opened at ``first_at_ms``. Raises StoreError."""
        until_ms = first_at_ms - self._timeframe.ms
        if len(self._held(until_ms)) < wanted and self._ask_at_ms <= self._source.clock.now_ms():
            self._ask_at_ms = self._source.clock.now_ms() + ASK_AGAIN_MS
            self._candles = self._loaded(until_ms, wanted)
            if len(self._held(until_ms)) < min(wanted, PAGE):
                self._asking = asyncio.create_task(self._fetch(until_ms, min(wanted, PAGE)))
        if self._asking:
            await asyncio.wait({self._asking}, timeout=PATIENCE_S)
            if self._asking.done():
                task, self._asking = self._asking, None
                task.result()
                self._candles = self._loaded(until_ms, wanted)
        return self._held(until_ms)[-wanted:]

    def _held(self, until_ms: int) -> Candles:
        """Those that end right at ``until_ms``."""
        held = self._candles.until(until_ms)
        seam_ms = until_ms - held.last_at_ms if len(held) else 0
        return held if seam_ms <= LONGEST_SEAM * self._timeframe.ms else Candles.empty(self._timeframe)

    def _loaded(self, until_ms: int, last: int) -> Candles:
        return self._store.load_candles(self.exchange, self._symbol, self._timeframe, until_ms=until_ms, last=last)

    async def _fetch(self, until_ms: int, limit: int) -> None:
        try:
            fetched = await self._source.history(self._symbol, self._timeframe, until_ms, limit)
        except AutopilotError as error:
            if str(error) != self._trouble:
                log.warning("%s %s: its history is not lent: %s", self._symbol, self._timeframe, error)
            self._trouble = str(error)
            return
        self._trouble = ""
        self._store.save_candles(self.exchange, self._symbol, fetched)
        log.info("%s %s: %s lends %d candles", self._symbol, self._timeframe, self.exchange, len(fetched))
