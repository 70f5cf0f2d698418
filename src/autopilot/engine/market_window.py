"""The candles of one symbol, in memory between cycles, refreshed from the exchange and kept in the store."""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

import numpy as np

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candle, Candles
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.decision import CandleBasis
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.timeframe import HOUR_MS, Timeframe, utc_text
from autopilot.engine.lent_candles import LentCandles
from autopilot.ports.history import Backfill
from autopilot.ports.market_data import CandleSource, CandleStore

MAX_CATCH_UP = 500
"""Candles missed while we were down that are still decided, one by one, when we are back."""
SLICE = 4096
"""Candles that are loaded at once."""
PAUSE_S = 0.005
KEPT = WINDOW + MAX_CATCH_UP
"""Candles in memory, so that each candle that is still decided has its whole window."""
LOOK_AGAIN_MS = HOUR_MS
"""How long the store is not asked again for older candles that it did not have: an import may add some."""
LONG_FETCH = 60
"""More new candles than these are an answer of several pages, one of which may be wrong."""
LOOK_BACK = 3 * KEPT
"""The newest candles, among which the missing ones are fetched before a decision; earlier ones in idle time."""
FILLS = 3
"""The attempts to fetch them."""
SETTLING_S = 1.0
"""Until the exchange is asked again for a candle that it did not show for good."""

log = logging.getLogger(__name__)


class JoinedCandles(NamedTuple):
    """The candles up to a decided one. The first ``joined`` are those of the exchange ``lender``; None if all are our
    own."""

    candles: Candles
    joined: int
    lender: str | None

    def basis(self, left_out: tuple[str, ...]) -> CandleBasis:
        """For a decision at the last of them; ``left_out``: the strategies for which they are too few."""
        return CandleBasis(len(self.candles), self.joined, self.lender, left_out)


class MarketWindow:
    """The latest candles of ``symbol``. Candles that the exchange no longer has come from the store; those that the
    store does not have either, from ``lent``, if it is given. ``backfill`` fetches what was missed in a long pause."""

    def __init__(
        self,
        source: CandleSource,
        store: CandleStore,
        symbol: str,
        timeframe: Timeframe,
        lent: LentCandles | None,
        backfill: Backfill | None = None,
    ) -> None:
        self._source = source
        self._store = store
        self._symbol = symbol
        self.timeframe = timeframe
        self._lent = lent
        self._backfill = backfill
        self._fills_left = 0
        self.candles = Candles.empty(timeframe)
        self.quote: Quote | None = None
        self.awaits_candle = False
        """Whether a candle has closed that the exchange does not show yet, or not for good."""
        self._turn = asyncio.Lock()
        self._reached_ms = -1
        """Up to where it was fetched as a reference."""
        self._oldest_ms = 0
        """Open time of the oldest candle in the store, when it had fewer than were wanted."""
        self._look_again_ms = 0

    async def refresh(self) -> bool:
        """Fetch new candles. True if more closed candles are available at once. Raises ExchangeError, StoreError.

        The first fetch is longer than a window: it includes the candles still to be decided and those that the
        strategies' track record begins with.
        """
        since_ms = self._since_ms()
        snapshot = await self._source.fetch(self._symbol, self.timeframe, since_ms, KEPT)
        # First the price: exits need it, also when the candles cannot be stored.
        self.quote = snapshot.quote or self.quote
        self.awaits_candle = snapshot.awaited
        if self._backfill and (since_ms is None or len(snapshot.candles) > LONG_FETCH):
            self._fills_left = FILLS
        self._keep(snapshot.candles)
        return snapshot.more

    @property
    def is_to_be_filled(self) -> bool:
        """Whether candles may be missing between those in the store."""
        return self._fills_left > 0 and len(self.candles) > 0

    async def fill(self) -> None:
        """Fetch the missing candles. If the exchange does not answer: raises MarketUnavailable, but the third time in a
        row the candles that are there must do. Raises StoreError."""
        assert self._backfill is not None, "without it nothing is to be filled"
        self._fills_left -= 1
        end_ms = self.candles.last_at_ms + self.timeframe.ms
        span = TimeSpan(end_ms - LOOK_BACK * self.timeframe.ms, end_ms)
        try:
            found = await self._backfill.fill(self._symbol, self.timeframe, span)
        except MarketUnavailable as error:
            if self._fills_left:
                raise
            log.warning("%s %s: candles that were missed stay missing: %s", self._symbol, self.timeframe, error)
            return
        self._fills_left = 0
        if found:
            self.candles = self._loaded(self.candles.last_at_ms, KEPT)

    def forget(self) -> None:
        """What was stored may be lost: fetch and store the candles again."""
        self.candles = Candles.empty(self.timeframe)

    def undecided(self, decided_at_ms: int | None) -> Candles:
        """The closed candles in memory after the one that was decided last; of a symbol that was never decided only
        the latest."""
        if not len(self.candles):
            return self.candles
        return self.candles.since(self.candles.last_at_ms if decided_at_ms is None else decided_at_ms + 1)

    async def as_reference(self, until_ms: int, length: int) -> Candles | None:
        """The last ``length`` candles, if available, as the reference for another symbol's decision at ``until_ms``;
        None if there are no candles. Symbols that ask at the same close share one request."""
        try:
            async with self._turn:
                if not len(self.candles) or self.candles.last_at_ms < until_ms:
                    await self._reach(until_ms)
            known = await self.upto(until_ms, length)
        except ExchangeError:
            return None
        return known if len(known) else None

    async def _reach(self, until_ms: int) -> None:
        """Fetch the candles up to ``until_ms``, as far as they can be had."""
        if self._source.kind is not MarketKind.REAL:
            self._keep(await self._source.history(self._symbol, self.timeframe, until_ms, self._lacking(until_ms)))
        elif self._reached_ms < until_ms:
            await self.refresh()
            if self.awaits_candle and self._last_held_ms() < until_ms:
                await asyncio.sleep(SETTLING_S)
                await self.refresh()
            self._reached_ms = until_ms

    async def joined(self, open_at_ms: int) -> JoinedCandles:
        """The window that ends with the candle opened at ``open_at_ms``: our own candles, and before the first of them
        those of another exchange while ours are too few. Raises ExchangeError, StoreError."""
        own = await self.upto(open_at_ms, WINDOW)
        if self._lent is None or not 0 < len(own) < WINDOW:
            return JoinedCandles(own, 0, None)
        before = await self._lent.before(own.candle(0), WINDOW - len(own))
        return JoinedCandles(before.followed_by(own), len(before), self._lent.exchange if len(before) else None)

    async def upto(self, open_at_ms: int, length: int) -> Candles:
        """Our own ``length`` candles that end with the candle opened at ``open_at_ms``, or as many as exist. Older ones
        are loaded from the store. Raises ExchangeError, StoreError."""
        held = self.candles.until(open_at_ms)
        if len(held) < length and not self._is_all(held):
            held = (await self._stored(open_at_ms, length)).followed_by(held)
            if len(held) < length:
                self._oldest_ms = int(held.open_at_ms[0]) if len(held) else 0
                self._look_again_ms = self._source.clock.now_ms() + LOOK_AGAIN_MS
            self.candles = held.followed_by(self.candles)[-KEPT:]
        return held[-length:]

    async def past(self, open_at_ms: int, length: int) -> Candles:
        """As `upto`, but for more candles than are kept in memory. They are loaded in slices, so that others can run in
        between."""
        found, until_ms = Candles.empty(self.timeframe), open_at_ms
        while len(found) < length:
            earlier = await self._stored(until_ms, min(length - len(found), SLICE))
            if not len(earlier):
                break
            found, until_ms = earlier.followed_by(found), int(earlier.open_at_ms[0]) - 1
            await asyncio.sleep(PAUSE_S)
        return found

    def _is_all(self, held: Candles) -> bool:
        """Whether the store had no older candle when it was last asked, which was not long ago."""
        begins = len(held) > 0 and int(held.open_at_ms[0]) <= self._oldest_ms
        return begins and self._source.clock.now_ms() < self._look_again_ms

    async def _stored(self, until_ms: int, last: int) -> Candles:
        if self._source.kind is MarketKind.REAL:
            return self._loaded(until_ms, last)
        return await self._source.history(self._symbol, self.timeframe, until_ms, last)

    def _since_ms(self) -> int | None:
        """Of a real market from the last candle on: the exchange may have revised it. After a long pause the latest
        candles are fetched as at the start, and what lies between is left to others."""
        if not len(self.candles):
            return None
        last_at_ms = self.candles.last_at_ms
        if self._source.kind is not MarketKind.REAL:
            return last_at_ms + self.timeframe.ms
        is_far = self._source.clock.now_ms() - last_at_ms > KEPT * self.timeframe.ms
        return None if is_far else last_at_ms

    def _lacking(self, until_ms: int) -> int:
        if not len(self.candles):
            return WINDOW
        return min(WINDOW, (until_ms - self.candles.last_at_ms) // self.timeframe.ms)

    def _keep(self, fetched: Candles) -> None:
        fresh = self._news(fetched)
        if not len(fresh):
            return
        if self._source.kind is not MarketKind.REPLAY:
            self._store.save_candles(self._source.name, self._symbol, fresh)
        self.candles = self.candles.followed_by(fresh)[-KEPT:]

    def _news(self, fetched: Candles) -> Candles:
        """The fetched candles from the first one on that is new or revised. A decision on a revised candle stays as it
        was made, and its window hash shows that the numbers have changed since."""
        for index in range(int(np.searchsorted(fetched.open_at_ms, self._last_held_ms(), side="right"))):
            candle = fetched.candle(index)
            held = self.candles.until(candle.open_at_ms)[-1:]
            if not len(held) or held.candle(0) != candle:
                if len(held) and held.last_at_ms == candle.open_at_ms:
                    self._say_revised(held.candle(0), candle)
                return fetched[index:]
        return fetched.since(self._last_held_ms() + 1)

    def _say_revised(self, before: Candle, after: Candle) -> None:
        changes = [
            f"{name} {old:g} to {new:g}"
            for name, old, new in zip(Candle._fields, before, after, strict=True)
            if old != new
        ]
        log.warning(
            "%s %s %s: the exchange revised the candle of %s after its close: %s",
            self._source.name,
            self._symbol,
            self.timeframe,
            utc_text(after.open_at_ms),
            ", ".join(changes),
        )

    def _last_held_ms(self) -> int:
        return self.candles.last_at_ms if len(self.candles) else -1

    def _loaded(self, until_ms: int, last: int) -> Candles:
        return self._store.load_candles(self._source.name, self._symbol, self.timeframe, until_ms=until_ms, last=last)
