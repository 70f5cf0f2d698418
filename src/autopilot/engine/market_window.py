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
    """Holds the latest candles of ``symbol``; what the exchange cannot give any more comes from the store."""

    def __init__(self, source: CandleSource, store: CandleStore, symbol: str, timeframe: Timeframe) -> None:
        self._source = source
        self._store = store
        self._symbol = symbol
        self._timeframe = timeframe
        self.candles = Candles.empty(timeframe)
        self.quote: Quote | None = None

    async def refresh(self, missed: int = 0) -> bool:
        """Fetch what is new; True when more closed candles are ready at once. Raises ExchangeError, StoreError.

        The first time a whole window is fetched, longer by the ``missed`` candles still to be decided.
        """
        snapshot = await self._source.fetch(
            self._symbol, self._timeframe, self._next_open_ms(), WINDOW + min(missed, MAX_CATCH_UP)
        )
        self._keep(snapshot.candles)
        self.quote = snapshot.quote or self.quote
        return snapshot.more

    async def refresh_history(self, until_ms: int) -> Candles | None:
        """These candles as a reference for another symbol's decision at ``until_ms``; None when there are none."""
        try:
            if not len(self.candles) or self.candles.last_at_ms < until_ms:
                self._keep(await self._source.history(self._symbol, self._timeframe, until_ms, self._lacking(until_ms)))
        except ExchangeError:
            return None
        known = self.candles.until(until_ms)
        return known if len(known) else None

    def upto(self, open_at_ms: int) -> Candles:
        """The analysis window that ends with the candle opened at ``open_at_ms``."""
        return self.candles.until(open_at_ms)[-WINDOW:]

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
            self._prepend_stored()

    def _prepend_stored(self) -> None:
        stored = self._store.load_candles(
            self._source.name, self._symbol, self._timeframe, until_ms=self.candles.last_at_ms, last=WINDOW
        )
        self.candles = stored.followed_by(self.candles)
