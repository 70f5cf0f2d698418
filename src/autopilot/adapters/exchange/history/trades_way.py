"""Past candles made of an exchange's public trades: slow, but for Kraken the only way beyond its latest 720 candles."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from autopilot.adapters.exchange.history.trade_pages import NO_PAGES, PAGE, TRADE_PAGES, TradePages
from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import CandleError, HistoryUnavailable, MarketUnavailable
from autopilot.domain.timeframe import DAY_MS, HOUR_MS, Timeframe
from autopilot.domain.trade_candles import NS_PER_MS, PublicTrade, candles_of_trades
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay

CHUNK_PAGES = 10
"""As many requests as a chunk takes if trades come at the estimated rate: no more than these are made again after a
failure."""
MOST_PAGES = 5 * CHUNK_PAGES
"""A chunk with more is answered in parts."""
LONGEST_CHUNK_MS = 30 * DAY_MS
_BYTES_EACH = 80
"""Of a trade in an answer."""
_AT_ONCE = 2
"""Requests on their way: more would only wait for the rate limit, and a decision's request behind them."""


class TradesWay(HistoryWay):
    """``exchange``: the connection, shared with whoever else uses it. Raises HistoryUnavailable for an exchange whose
    trades cannot be paged."""

    way = Way.TRADES

    def __init__(self, exchange: PublicExchange) -> None:
        self._exchange = exchange
        self._pages = _pages_of(exchange.name)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._sampled: dict[tuple[str, int], float] = {}

    @property
    def exchange(self) -> str:
        return self._exchange.name

    @property
    def requests_per_s(self) -> float:
        return 1 / self._pages.cost_s

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        """As the port says, estimated by three pages of trades: at the beginning, in the middle and at the end."""
        if not lacking:
            return []
        rates = await self._rates(symbol, timeframe, lacking)
        found: list[HistoryChunk] = []
        for span in sorted(lacking):
            at_ms = span.from_ms
            while at_ms < span.to_ms:
                length_ms = timeframe.floor(int(min(CHUNK_PAGES * PAGE / rates.at(at_ms), LONGEST_CHUNK_MS)))
                part = TimeSpan(at_ms, min(at_ms + max(length_ms, timeframe.ms), span.to_ms))
                found.append(self._chunk(symbol, timeframe, part, rates))
                at_ms = part.to_ms
        return found

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        """As the port says. After a failure, and in a chunk that has far more trades than estimated, the candles that
        are whole are answered, and the rest of the chunk stays unknown."""
        span, trades = chunk.span, dict[str, PublicTrade]()
        at_ns, end_ns = span.from_ms * NS_PER_MS, span.to_ms * NS_PER_MS
        answered_ms = chunk.timeframe.floor(self._exchange.clock.now_ms())
        for _ in range(MOST_PAGES):
            try:
                page = await self._following(chunk, trades, at_ns)
            except MarketUnavailable:
                answered_ms = chunk.timeframe.floor(at_ns // NS_PER_MS)
                if answered_ms <= span.from_ms:
                    raise
                break
            count = len(trades)
            trades |= {trade.trade_id: trade for trade in page}
            newest_ns = max((trade.at_ns for trade in page), default=at_ns)
            if newest_ns >= end_ns or len(trades) == count:
                break
            at_ns = newest_ns
        else:
            answered_ms = chunk.timeframe.floor(at_ns // NS_PER_MS)
        if answered_ms <= span.from_ms:
            return FetchedChunk(Candles.empty(chunk.timeframe), None)
        return self._answer(chunk, TimeSpan(span.from_ms, min(span.to_ms, answered_ms)), list(trades.values()))

    async def close(self) -> None:
        await self._exchange.close()

    def _chunk(self, symbol: str, timeframe: Timeframe, span: TimeSpan, rates: _Rates) -> HistoryChunk:
        trades, length_ms = rates.trades(span), span.to_ms - span.from_ms
        fewest, likely, most = (
            max(ceil(each / PAGE), 1) for each in (length_ms * min(rates.per_ms), trades, length_ms * max(rates.per_ms))
        )
        size = int(trades * _BYTES_EACH)
        return HistoryChunk(self.way, symbol, timeframe, span, likely, size, requests_between=(fewest, most))

    def _answer(self, chunk: HistoryChunk, known: TimeSpan, trades: Sequence[PublicTrade]) -> FetchedChunk:
        try:
            candles = candles_of_trades(trades, chunk.timeframe, known)
        except CandleError as error:
            raise HistoryUnavailable(f"{self.exchange} {chunk.symbol}: {error}", hint=error.hint) from error
        later = [trade.at_ms for trade in trades if trade.at_ms >= chunk.span.to_ms]
        next_at_ms = chunk.timeframe.floor(min(later)) if later and not len(candles) else None
        return FetchedChunk(candles, known, next_at_ms)

    async def _following(
        self, chunk: HistoryChunk, known: Mapping[str, PublicTrade], since_ns: int
    ) -> list[PublicTrade]:
        """The page that begins with the last moment of the known trades, which may go on in it. Raises
        MarketUnavailable, also if the page does not join them."""
        page = await self._page(chunk.symbol, chunk.timeframe, since_ns)
        repeated = sum(trade.trade_id in known for trade in page)
        if (known and not repeated) or repeated >= PAGE:
            raise MarketUnavailable(
                f"{self.exchange} answers other trades of {chunk.symbol} than those that were asked for",
                hint="try again later",
            )
        return page

    async def _page(self, symbol: str, timeframe: Timeframe, since_ns: int) -> list[PublicTrade]:
        """The oldest trades since a moment. Raises MarketUnavailable, also if there are earlier ones in the answer."""
        exchange = await self._exchange.open()
        async with self._slots, self._exchange.asking_for(symbol, timeframe):
            page = await self._pages.page(exchange, symbol, since_ns)
            if any(trade.at_ms < since_ns // NS_PER_MS - 1 for trade in page):
                raise ValueError("trades from before the time that was asked for")
        return page

    async def _rates(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> _Rates:
        await self._exchange.description(symbol)
        first_ms, end_ms = min(span.from_ms for span in lacking), max(span.to_ms for span in lacking)
        middle_ms = (first_ms + end_ms) // 2
        at_ms = (first_ms, middle_ms, max(middle_ms, end_ms - HOUR_MS))
        return _Rates(at_ms, tuple([await self._rate(symbol, timeframe, moment) for moment in at_ms]))

    async def _rate(self, symbol: str, timeframe: Timeframe, at_ms: int) -> float:
        """Trades per millisecond from a moment on, by one page of them; at least one trade in `LONGEST_CHUNK_MS`."""
        if (symbol, at_ms) not in self._sampled:
            page = await self._page(symbol, timeframe, at_ms * NS_PER_MS)
            end_ms = max(trade.at_ms for trade in page) if len(page) >= PAGE else self._exchange.clock.now_ms()
            self._sampled[symbol, at_ms] = max(len(page) / max(end_ms - at_ms, 1), 1 / LONGEST_CHUNK_MS)
        return self._sampled[symbol, at_ms]


@dataclass(frozen=True, slots=True)
class _Rates:
    """Trades per millisecond at three moments, in ascending order; between them on a straight line."""

    at_ms: tuple[int, ...]
    per_ms: tuple[float, ...]

    def at(self, moment_ms: int) -> float:
        import numpy as np

        return float(np.interp(moment_ms, self.at_ms, self.per_ms))

    def trades(self, span: TimeSpan) -> float:
        """How many a span has: the rate has at most one corner in it."""
        corner = min(max(self.at_ms[1], span.from_ms), span.to_ms)
        ends = (span.from_ms, corner, span.to_ms)
        rates = [self.at(moment) for moment in ends]
        return sum((ends[at + 1] - ends[at]) * (rates[at] + rates[at + 1]) / 2 for at in (0, 1))


def _pages_of(exchange: str) -> TradePages:
    if exchange not in TRADE_PAGES:
        reason = NO_PAGES.get(exchange, "its trades cannot be asked for from a time on, through all of their past")
        raise HistoryUnavailable(
            f"candles of {exchange} cannot be made of trades: {reason}",
            hint=f"this works for {', '.join(TRADE_PAGES)}; docs/data.md has the other ways",
        )
    return TRADE_PAGES[exchange]
