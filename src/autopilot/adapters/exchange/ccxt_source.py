"""Public candles of a real exchange, through ccxt, without keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from autopilot.adapters.exchange.candle_rows import Row, usable_rows
from autopilot.adapters.exchange.ccxt_errors import ONLINE
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.history.page_way import PageWay
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.adapters.exchange.settling import Settling
from autopilot.adapters.exchange.turns import Turns
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import HistoryUnavailable, MarketUnavailable
from autopilot.domain.market import Market, MarketKind, Quote
from autopilot.domain.passed_candles import MORE_HISTORY
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import CandleSource, MarketSnapshot
from autopilot.ports.streams import MarketStreams

TIMEOUT_S = 8.0
"""For all requests of one call, so that the caller gets an answer or an error within 10 s; in `CcxtCandles.history` for
each request."""
LONG_AT_ONCE = 4
"""Symbols whose first pages are fetched side by side. If all that start together shared the rate limit, each would take
longer than `TIMEOUT_S`, and all would fail."""

log = logging.getLogger(__name__)


class CcxtCandles(CandleSource):
    """``base_url`` sends every request to a stand-in for the exchange; ``needs_coin_list`` as in `VenueRules`;
    ``clock``: the exchange's, if others use it too. Raises UnknownExchange."""

    kind = MarketKind.REAL

    def __init__(
        self,
        name: str,
        *,
        needs_coin_list: bool = False,
        base_url: str | None = None,
        timeout_s: float = TIMEOUT_S,
        clock: ExchangeClock | None = None,
    ) -> None:
        self._exchange = PublicExchange(
            name, clock or ExchangeClock(name), timeout_s, needs_coin_list=needs_coin_list, base_url=base_url
        )
        self._shortages: set[tuple[str, Timeframe]] = set()
        self._settling = Settling(self._exchange.clock.steady)
        self._timeout_s = timeout_s
        self._long = asyncio.Semaphore(LONG_AT_ONCE)
        self._short: Turns | None = None
        self.pages = PageWay(self._exchange)
        """The same exchange's past candles."""

    @property
    def name(self) -> str:
        return self._exchange.name

    def streams(self) -> MarketStreams:
        """The same exchange's streams."""
        from autopilot.adapters.exchange.streams.ccxt_streams import CcxtStreams

        return CcxtStreams(self._exchange)

    @property
    def clock(self) -> Clock:
        return self._exchange.clock

    async def market(self, symbol: str) -> Market:
        return await self._exchange.market(symbol)

    def doubt_rules(self) -> None:
        """As `PublicExchange.doubt_rules`."""
        self._exchange.doubt_rules()

    def subscribe(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """Nothing to do: a real market does not wait for anybody."""

    def unsubscribe(self, symbol: str) -> None:
        """Nothing to do."""

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        exchange, clock = self._exchange, self._exchange.clock
        await exchange.require_timeframe(timeframe)
        async with self._turn(since_ms), exchange.asking_for(symbol, timeframe):
            await exchange.description(symbol)
            now_ms, sent_ms = clock.now_ms(), clock.steady.now_ms()
            first_ms = timeframe.floor(now_ms) - limit * timeframe.ms if since_ms is None else since_ms
            # From one candle earlier, which exists: an answer without any candle is then no answer.
            rows = await self._rows(symbol, timeframe, first_ms - timeframe.ms, now_ms)
        if not rows:
            raise MarketUnavailable(f"{self.name} gave no usable {timeframe} candle of {symbol}", hint=ONLINE)
        newest_ms = rows[-1][0]
        exchange.hear(timeframe, newest_ms, sent_ms)
        clock.see_candle(newest_ms)
        quote = self._quote(symbol, timeframe, rows)
        candles = self._closed_candles(timeframe, rows)
        # A candle after the newest row may have closed.
        awaited = newest_ms + 2 * timeframe.ms <= clock.now_ms()
        if len(candles) == len(rows) and not self._settling.is_settled(symbol, timeframe, rows[-1], sent_ms):
            candles, awaited = candles[:-1], True
        if since_ms is None:
            candles = candles.since(newest_ms - limit * timeframe.ms)[-limit:]
            self._warn_of_shortage(symbol, timeframe, len(candles), limit)
        else:
            candles = candles.since(since_ms)
        return MarketSnapshot(candles[:limit], quote, more=len(candles) > limit, awaited=awaited)

    def _turn(self, since_ms: int | None) -> AbstractAsyncContextManager[None]:
        """Held by a few at a time: whoever waits for the rate limit behind many others would get no answer in time."""
        if since_ms is None:
            return self._long
        if self._short is None:
            self._short = Turns(max(1, int(self._exchange.requests_per_s * self._timeout_s / 2)))
        return self._short.one()

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        exchange = self._exchange
        await exchange.require_timeframe(timeframe)
        async with exchange.asking_for(symbol, timeframe):
            await exchange.description(symbol)
        to_ms = timeframe.floor(until_ms) + timeframe.ms
        first_ms = to_ms - limit * timeframe.ms
        if (await exchange.page_rules(symbol)).is_addressable:
            try:
                return await self.pages.collect(symbol, timeframe, TimeSpan(first_ms, to_ms))
            except HistoryUnavailable as error:
                log.warning("%s %s: %s", symbol, timeframe, error)
                return Candles.empty(timeframe)
        async with exchange.asking_for(symbol, timeframe):
            rows = await self._rows(symbol, timeframe, first_ms, until_ms)
        return self._closed_candles(timeframe, rows).until(until_ms)[-limit:]

    async def close(self) -> None:
        await self._exchange.close()

    async def _rows(self, symbol: str, timeframe: Timeframe, first_ms: int, until_ms: int) -> list[Row]:
        """Usable rows that open at or after ``first_ms``, page by page up to ``until_ms``; later ones may follow. The
        last one may still be open."""
        page = (await self._exchange.page_rules(symbol)).limit
        raw: list[Sequence[Any]] = []
        at_ms = first_ms
        while True:
            got = await self._exchange.ask(symbol, timeframe, at_ms, page)
            raw += got
            newest_ms = max((at for row in got if row and row[0] and (at := int(row[0])) <= until_ms), default=0)
            at_ms = max(newest_ms + timeframe.ms, at_ms + (0 if newest_ms >= at_ms else page * timeframe.ms))
            if at_ms > until_ms:
                break
        rows = usable_rows(f"{self.name} {symbol} {timeframe}", timeframe, raw, first_ms, self.clock.now_ms())
        return [row for row in rows if first_ms <= row[0]]

    def _closed_candles(self, timeframe: Timeframe, rows: Sequence[Row]) -> Candles:
        """The candles of sound rows that are closed: by the exchange's clock, or because a later one exists."""
        is_last_open = bool(rows) and rows[-1][0] + timeframe.ms > self.clock.now_ms()
        return Candles.from_rows(timeframe, rows[:-1] if is_last_open else rows)

    def _quote(self, symbol: str, timeframe: Timeframe, rows: Sequence[Row]) -> Quote:
        """The close of the latest candle, open or not."""
        close_ms = rows[-1][0] + timeframe.ms
        return Quote(symbol, rows[-1][4], min(self.clock.now_ms(), close_ms))

    def _warn_of_shortage(self, symbol: str, timeframe: Timeframe, count: int, limit: int) -> None:
        if count < limit and (symbol, timeframe) not in self._shortages:
            self._shortages.add((symbol, timeframe))
            log.warning(
                "%s gives only the latest %d %s candles of %s, %d were requested. If older ones are not stored, rules "
                "decide alone: %s",
                self.name,
                count,
                timeframe,
                symbol,
                limit,
                MORE_HISTORY,
            )
