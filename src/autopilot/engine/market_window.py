"""The candles of one symbol, in memory between cycles, refreshed from the exchange and kept in the store."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candles
from autopilot.domain.decision import CandleBasis
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.engine.lent_candles import LentCandles
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
    store does not have either, from ``lent``, if it is given."""

    def __init__(
        self,
        source: CandleSource,
        store: CandleStore,
        symbol: str,
        timeframe: Timeframe,
        lent: LentCandles | None,
    ) -> None:
        self._source = source
        self._store = store
        self._symbol = symbol
        self.timeframe = timeframe
        self._lent = lent
        self.candles = Candles.empty(timeframe)
        self.quote: Quote | None = None
        self._oldest_ms = 0
        """Open time of the oldest candle in the store, when it had fewer than were wanted."""
        self._look_again_ms = 0

    async def refresh(self) -> bool:
        """Fetch new candles. True if more closed candles are available at once. Raises ExchangeError, StoreError.

        The first fetch is longer than a window: it includes the candles still to be decided and those that the
        strategies' track record begins with.
        """
        snapshot = await self._source.fetch(self._symbol, self.timeframe, self._next_open_ms(), KEPT)
        # First the price: exits need it, also when the candles cannot be stored.
        self.quote = snapshot.quote or self.quote
        self._keep(snapshot.candles)
        return snapshot.more

    def forget(self) -> None:
        """What was stored may be lost: fetch and store the candles again."""
        self.candles = Candles.empty(self.timeframe)

    def undecided(self, decided_at_ms: int | None) -> Candles:
        """The closed candles in memory after the one that was decided last; of a symbol that was never decided only
        the latest."""
        if not len(self.candles):
            return self.candles
        return self.candles.since(self.candles.last_at_ms if decided_at_ms is None else decided_at_ms + 1)

    async def reach(self, until_ms: int) -> None:
        """Fetch what is missing up to ``until_ms``, and no later candle. Raises ExchangeError, StoreError."""
        if not len(self.candles) or self.candles.last_at_ms < until_ms:
            self._keep(await self._source.history(self._symbol, self.timeframe, until_ms, self._lacking(until_ms)))

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

    def _next_open_ms(self) -> int | None:
        return self.candles.last_at_ms + self.timeframe.ms if len(self.candles) else None

    def _lacking(self, until_ms: int) -> int:
        if not len(self.candles):
            return WINDOW
        return min(WINDOW, (until_ms - self.candles.last_at_ms) // self.timeframe.ms)

    def _keep(self, fresh: Candles) -> None:
        if not len(fresh):
            return
        if self._source.kind is not MarketKind.REPLAY:
            self._store.save_candles(self._source.name, self._symbol, fresh)
        self.candles = self.candles.followed_by(fresh)[-KEPT:]

    def _loaded(self, until_ms: int, last: int) -> Candles:
        return self._store.load_candles(self._source.name, self._symbol, self.timeframe, until_ms=until_ms, last=last)
