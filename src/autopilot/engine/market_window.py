"""The candles of one symbol, in memory between cycles, refreshed from the exchange and kept in the store."""

from __future__ import annotations

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import MarketKind, Quote
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import CandleSource, CandleStore

MAX_CATCH_UP = 500
"""Candles missed while we were down that are still decided, one by one, when we are back."""


class MarketWindow:
    """The latest candles of ``symbol``. Candles that the exchange no longer has come from the store."""

    def __init__(self, source: CandleSource, store: CandleStore, symbol: str, timeframe: Timeframe) -> None:
        self._source = source
        self._store = store
        self._symbol = symbol
        self._timeframe = timeframe
        self.candles = Candles.empty(timeframe)
        self.quote: Quote | None = None

    async def refresh(self) -> bool:
        """Fetch new candles. True if more closed candles are available at once. Raises ExchangeError, StoreError.

        The first fetch is longer than a window: it includes the candles still to be decided and those that the
        strategies' track record begins with.
        """
        snapshot = await self._source.fetch(self._symbol, self._timeframe, self._next_open_ms(), WINDOW + MAX_CATCH_UP)
        self._keep(snapshot.candles)
        self.quote = snapshot.quote or self.quote
        return snapshot.more

    async def as_reference(self, until_ms: int, length: int = WINDOW) -> Candles | None:
        """The last ``length`` candles or more, if available, as the reference for another symbol's decision at
        ``until_ms``; None if there are no candles."""
        try:
            if not len(self.candles) or self.candles.last_at_ms < until_ms:
                self._keep(await self._source.history(self._symbol, self._timeframe, until_ms, self._lacking(until_ms)))
            known = await self.upto(until_ms, length) if length > WINDOW else self.candles.until(until_ms)
        except ExchangeError:
            return None
        return known if len(known) else None

    async def upto(self, open_at_ms: int, length: int = WINDOW) -> Candles:
        """The ``length`` candles that end with the candle opened at ``open_at_ms``, or as many as exist. Older ones
        are loaded from the store. Raises ExchangeError, StoreError."""
        held = self.candles.until(open_at_ms)
        if len(held) < length > WINDOW:
            held = (await self._stored(open_at_ms, length)).followed_by(held)
        return held[-length:]

    async def _stored(self, until_ms: int, last: int) -> Candles:
        if self._source.kind is MarketKind.REAL:
            return self._loaded(until_ms, last)
        return await self._source.history(self._symbol, self._timeframe, until_ms, last)

    def _next_open_ms(self) -> int | None:
        return self.candles.last_at_ms + self._timeframe.ms if len(self.candles) else None

    def _lacking(self, until_ms: int) -> int:
        if not len(self.candles):
            return WINDOW
        return min(WINDOW, (until_ms - self.candles.last_at_ms) // self._timeframe.ms)

    def _keep(self, fresh: Candles) -> None:
        if not len(fresh):
            return
        first = not len(self.candles)
        if self._source.kind is not MarketKind.REPLAY:
            self._store.save_candles(self._source.name, self._symbol, fresh)
        self.candles = self.candles.followed_by(fresh)[-(WINDOW + MAX_CATCH_UP) :]
        if first and len(self.candles) < WINDOW:
            self.candles = self._loaded(self.candles.last_at_ms, WINDOW).followed_by(self.candles)

    def _loaded(self, until_ms: int, last: int) -> Candles:
        return self._store.load_candles(self._source.name, self._symbol, self._timeframe, until_ms=until_ms, last=last)
