"""The connection to a real exchange for public data: one ccxt object, one rate limit, one clock, one list of
markets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from autopilot.adapters.exchange.backoff import Backoff
from autopilot.adapters.exchange.ccxt_errors import ONLINE, asking
from autopilot.adapters.exchange.ccxt_import import require_exchange
from autopilot.adapters.exchange.ccxt_markets import AT_ONCE_MS, SOON_MS, FreshMarkets, market_rules
from autopilot.adapters.exchange.ccxt_setup import open_exchange
from autopilot.adapters.exchange.exchange_clock import ExchangeClock
from autopilot.adapters.exchange.history.page_rules import PageRules, page_rules
from autopilot.adapters.exchange.retry_after import RetryAfter
from autopilot.adapters.exchange.venue import BURST
from autopilot.domain.errors import MarketUnavailable, UnknownExchange, UnknownSymbol, UnknownTimeframe
from autopilot.domain.market import Market, split_symbol
from autopilot.domain.suggestion import nearest, suggestion
from autopilot.domain.timeframe import Timeframe


class PublicExchange:
    """``base_url`` sends every request to a stand-in for the exchange; ``needs_coin_list`` as in `VenueRules`;
    ``timeout_s``: for all requests of one call; ``clock``: the exchange's. Raises UnknownExchange."""

    def __init__(
        self, name: str, clock: ExchangeClock, timeout_s: float, *, needs_coin_list: bool, base_url: str | None
    ) -> None:
        require_exchange(name)
        self.name = name
        self.clock = clock
        self._timeout_s = timeout_s
        self._needs_coin_list = needs_coin_list
        self._base_url = base_url
        self._ccxt: Any = None
        self._opening = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._markets = FreshMarkets(name, clock.steady)
        self._pause = RetryAfter(name, Backoff(clock.steady), clock)

    async def open(self) -> Any:
        """The ccxt object. Raises UnknownExchange if it publishes no candles."""
        async with self._opening:
            if self._ccxt is None:
                exchange = await open_exchange(
                    self.name,
                    self._timeout_s,
                    self._base_url,
                    clock=self.clock,
                    burst=BURST,
                    needs_coin_list=self._needs_coin_list,
                )
                if not exchange.has["fetchOHLCV"]:
                    raise UnknownExchange(
                        f"{self.name} publishes no candles", hint="use coinbase, kraken, binance or bitstamp"
                    )
                self._pause.listen(exchange)
                _keep_all_rows(exchange)
                _require_json(exchange)
                self._ccxt = exchange
        return self._ccxt

    async def close(self) -> None:
        exchange, self._ccxt = self._ccxt, None
        if exchange is not None:
            await exchange.close()

    async def market(self, symbol: str) -> Market:
        """Its rules. Raises UnknownSymbol, MarketUnavailable."""
        exchange = await self.open()
        async with self._asking(f"the rules of {symbol}"):
            return market_rules(await self.description(symbol), exchange.precisionMode)

    def doubt_rules(self) -> None:
        """The exchange has rejected an order that the rules of its market allow: read them again soon."""
        self._markets.invalidate(AT_ONCE_MS)

    async def listed(self) -> Any:
        """The ccxt object with a list of its markets that is at most a day old. Raises ExchangeError."""
        exchange = await self.open()
        # One at a time: ccxt lets two callers share one request, and the cancellation of either ends both.
        async with self._loading:
            await self._markets.ensure(exchange, lambda: self._read_markets(exchange))
        return exchange

    async def description(self, symbol: str) -> Mapping[str, Any]:
        """ccxt's description of a market, at most a day old. Raises UnknownSymbol."""
        base, _ = split_symbol(symbol)
        exchange = await self.listed()
        found: Mapping[str, Any] | None = exchange.markets.get(symbol)
        if found is None or not found.get("spot"):
            spot = sorted(name for name, market in exchange.markets.items() if market.get("spot"))
            of_base = [name for name in spot if name.startswith(f"{base}/")]
            meant = suggestion(of_base[:5] or nearest(symbol, spot, most=3))
            raise UnknownSymbol(f"{self.name} has no market {symbol}", hint=meant or "see its list of markets")
        return found

    async def require_timeframe(self, timeframe: Timeframe) -> None:
        """Raises UnknownTimeframe unless the exchange has such candles."""
        offered = (await self.open()).timeframes
        if timeframe not in offered:
            names = ", ".join(each for each in Timeframe if each in offered)
            raise UnknownTimeframe(f"{self.name} has no {timeframe} candles", hint=f"it has {names}")

    async def page_rules(self, symbol: str) -> PageRules:
        """The limits of a request for its candles."""
        exchange = await self.open()
        return page_rules(self.name, exchange.feature_value(symbol, "fetchOHLCV", "limit"))

    @property
    def requests_per_s(self) -> float:
        """How many requests for candles its rate limit allows; 1 before the connection is opened."""
        return 1.0 if self._ccxt is None else 1000 / (self._ccxt.rateLimit * page_rules(self.name, None).cost)

    async def ask(self, symbol: str, timeframe: Timeframe, since_ms: int, count: int) -> Sequence[Sequence[Any]]:
        """One request for ``count`` candles from ``since_ms`` on, to be sent within `asking_for`. Returns every row of
        the answer, also those outside the request, by time."""
        exchange = await self.open()
        rules = await self.page_rules(symbol)
        params = {"until": since_ms + count * timeframe.ms - 1} if rules.needs_until else {}
        rows: Sequence[Sequence[Any]] = await exchange.fetch_ohlcv(symbol, timeframe.value, since_ms, count, params)
        return rows

    def hear(self, timeframe: Timeframe, newest_ms: int, sent_ms: int) -> None:
        """Learn the exchange's time from the last answer, whose request was sent at ``sent_ms`` by the steady clock;
        the newest candle of the market opened at ``newest_ms``."""
        headers: Mapping[str, str] = (self._ccxt and self._ccxt.last_response_headers) or {}
        self.clock.hear(headers, sent_ms, (newest_ms, newest_ms + timeframe.ms))

    @asynccontextmanager
    async def asking_for(self, symbol: str, timeframe: Timeframe) -> AsyncIterator[None]:
        """Raises UnknownSymbol, MarketUnavailable."""
        try:
            async with self._asking(f"{symbol} {timeframe} candles"):
                yield
        except UnknownSymbol:
            self._markets.expire()
            raise
        except MarketUnavailable:  # not every exchange says that it has no such market any more
            self._markets.invalidate(SOON_MS)
            raise

    @asynccontextmanager
    async def _asking(self, what: str) -> AsyncIterator[None]:
        try:
            async with asking(self.name, what, self._timeout_s):
                yield
        except MarketUnavailable as error:
            self._pause.explain(error)
            raise

    async def _read_markets(self, exchange: Any) -> None:
        async with self._asking("its markets"):
            await exchange.load_markets(True)


def _keep_all_rows(exchange: Any) -> None:
    """Let an object of ccxt return the rows of the exchange's answer, all of them and no others. By itself it drops
    rows outside the request, which show how the exchange reads a request. For bitopro it makes up missing candles."""
    parsed = exchange.parse_ohlcvs

    def parse_ohlcvs(rows: Any, market: Any = None, timeframe: str = "1m", *_: Any, **__: Any) -> Any:
        return parsed(rows, market, timeframe)

    exchange.parse_ohlcvs = parse_ohlcvs
    if hasattr(exchange, "insert_missing_candles"):
        exchange.insert_missing_candles = lambda candles, *_: candles


def _require_json(exchange: Any) -> None:
    """Let an object of ccxt refuse an answer that is no JSON, such as a page about maintenance. By itself it reads one
    as an empty list, which would be a market without candles."""
    fetch = exchange.fetch

    async def fetch_json(url: str, *arguments: Any, **named: Any) -> Any:
        answer = await fetch(url, *arguments, **named)
        if not isinstance(answer, dict | list):
            raise MarketUnavailable(f"{exchange.id} gave no usable answer: no JSON", hint=ONLINE)
        return answer

    exchange.fetch = fetch_json
