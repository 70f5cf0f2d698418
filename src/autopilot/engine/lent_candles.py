"""Candles of the same market on another exchange, from before the first candle that ours gives."""

from __future__ import annotations

import asyncio
import logging

import numpy as np

from autopilot.domain.candles import Candle, Candles
from autopilot.domain.errors import AutopilotError, CandleError
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.market_data import CandleSource, CandleStore

PAGE = 300
"""The most candles that are fetched: one page of any exchange."""
PATIENCE_S = 3.0
"""How long a decision waits for them. They are there for a later one."""
ASK_AGAIN_MS = HOUR_MS
LONGEST_SEAM = 3
"""The most candles that may be missing in a row: before the first of our own, and between two lent ones. Those before a
longer gap are of another time."""
WIDEST_STEP = 0.03
"""The most that the last lent close may differ from the first open of our own, as a fraction: beyond it, the same
symbol is another market there."""

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

    async def before(self, first: Candle, wanted: int) -> Candles:
        """At most ``wanted`` candles that end right before ``first``, the first of our own. Raises StoreError."""
        until_ms = first.open_at_ms - self._timeframe.ms
        if len(self._adjoining(first)) < wanted and self._ask_at_ms <= self._source.clock.now_ms():
            self._ask_at_ms = self._source.clock.now_ms() + ASK_AGAIN_MS
            self._candles = self._loaded(until_ms, wanted)
            if len(self._adjoining(first)) < min(wanted, PAGE):
                self._asking = asyncio.create_task(self._fetch(until_ms, min(wanted, PAGE)))
        if self._asking:
            await asyncio.wait({self._asking}, timeout=PATIENCE_S)
            if self._asking.done():
                task, self._asking = self._asking, None
                task.result()
                self._candles = self._loaded(until_ms, wanted)
        return self._adjoining(first)[-wanted:]

    async def close(self) -> None:
        """End a request that is under way."""
        if self._asking:
            self._asking.cancel()
            await asyncio.wait({self._asking})
            self._asking = None

    def _adjoining(self, first: Candle) -> Candles:
        try:
            return adjoining(self._candles, first)
        except CandleError as error:
            self._warn(str(error))
            return Candles.empty(self._timeframe)

    def _loaded(self, until_ms: int, last: int) -> Candles:
        return self._store.load_candles(self.exchange, self._symbol, self._timeframe, until_ms=until_ms, last=last)

    async def _fetch(self, until_ms: int, limit: int) -> None:
        try:
            fetched = await self._source.history(self._symbol, self._timeframe, until_ms, limit)
        except AutopilotError as error:
            self._warn(str(error))
            return
        self._store.save_candles(self.exchange, self._symbol, fetched)
        log.info("%s %s: %s lends %d candles", self._symbol, self._timeframe, self.exchange, len(fetched))

    def _warn(self, why: str) -> None:
        if why != self._trouble:
            log.warning("%s %s: %s lends no history: %s", self._symbol, self._timeframe, self.exchange, why)
        self._trouble = why


def adjoining(lent: Candles, first: Candle) -> Candles:
    """Those of ``lent`` that end right before ``first``, without a long gap. Raises CandleError if their price differs
    from its price by too much."""
    held = lent.until(first.open_at_ms - lent.timeframe.ms)
    distances_ms = np.diff(np.append(held.open_at_ms, first.open_at_ms))
    gaps = np.flatnonzero(distances_ms > (LONGEST_SEAM + 1) * lent.timeframe.ms)
    held = held[gaps[-1] + 1 :] if len(gaps) else held
    step = held.close[-1] / first.open - 1.0 if len(held) else 0.0
    if abs(step) > WIDEST_STEP:
        raise CandleError(
            f"its price differs by {100 * step:+.1f} %: it is another market", hint="name another exchange"
        )
    return held
