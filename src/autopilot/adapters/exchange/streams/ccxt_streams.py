"""The streams of any exchange that ccxt has streams for, without keys."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any

from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.adapters.exchange.streams.connection import NoStreams, StreamConnection
from autopilot.adapters.exchange.streams.pro_import import streaming_class, streaming_exchanges
from autopilot.adapters.exchange.streams.session import METHODS
from autopilot.adapters.exchange.streams.subscription import Heard, StreamKind, Subscription
from autopilot.domain.market import Quote
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.streams import MarketStreams, StreamListener, StreamState, StreamStatus

LEAST_PAUSE_S = 1.0
KEEP_ALIVE_MS = 20_000
"""ccxt notices a dead connection after three of them. For some exchanges it would take nine minutes."""
KEPT_CANDLES = 50
AHEAD_MS = 60_000
"""A candle that opens later than this by the exchange's clock is nonsense."""
_SHARED = (
    "markets",
    "markets_by_id",
    "symbols",
    "ids",
    "currencies",
    "currencies_by_id",
    "codes",
    "baseCurrencies",
    "quoteCurrencies",
    "ssl_context",
)
"""What ccxt makes of an exchange's list of markets, and of the certificates, which take 20 ms to read."""
_BEST_FIRST = (
    StreamState.LIVE,
    StreamState.SILENT,
    StreamState.CONNECTING,
    StreamState.REFUSED,
    StreamState.OFF,
)


@dataclass(slots=True)
class _Followed:
    """A symbol's subscriptions with their connections. ``newest_ms``: the open time of its newest candle."""

    timeframe: Timeframe
    listener: StreamListener
    parts: tuple[tuple[StreamConnection, Subscription], ...]
    newest_ms: int = 0


class CcxtStreams(MarketStreams):
    """``base_url`` sends every connection to a stand-in for the exchange. The ticker streams share a connection, and
    so do the candle streams of a timeframe: ccxt takes two timeframes of a symbol on Kraken for one."""

    def __init__(
        self, public: PublicExchange, *, base_url: str | None = None, least_pause_s: float = LEAST_PAUSE_S
    ) -> None:
        self._public = public
        self._clock = public.clock
        self._base_url = base_url
        self._least_pause_s = least_pause_s
        self._connections: dict[tuple[StreamKind, Timeframe | None], StreamConnection] = {}
        self._followed: dict[str, _Followed] = {}

    def subscribe(self, symbol: str, timeframe: Timeframe, listener: StreamListener) -> None:
        self.unsubscribe(symbol)
        parts = tuple(
            (self._connection(kind, timeframe), self._subscription(kind, symbol, timeframe)) for kind in StreamKind
        )
        self._followed[symbol] = _Followed(timeframe, listener, parts, timeframe.floor(self._clock.now_ms()))
        for connection, subscription in parts:
            connection.add(subscription)

    def unsubscribe(self, symbol: str) -> None:
        followed = self._followed.pop(symbol, None)
        for connection, subscription in followed.parts if followed else ():
            connection.remove(subscription)

    def compare(self, quote: Quote) -> None:
        followed, steady_ms = self._followed.get(quote.symbol), self._clock.steady.now_ms()
        for connection, subscription in followed.parts if followed else ():
            is_silent = subscription.is_silent(quote, steady_ms)
            if subscription.status.state is StreamState.REFUSED:
                connection.check()
            if not is_silent or not connection.reads(subscription):
                continue
            why = f"the {subscription.kind} stream of {quote.symbol} is silent while the price changes"
            if subscription.status.state is not StreamState.REFUSED:
                subscription.enter(StreamState.SILENT, self._clock.now_ms(), why)
            if not subscription.has_spoken:
                connection.refuse(subscription, "it says nothing")
            connection.tear(why)

    def status(self, symbol: str) -> StreamStatus | None:
        followed = self._followed.get(symbol)
        if followed is None:
            return None
        found = [
            StreamStatus(StreamState.OFF, part.status.since_ms) if connection.is_off else part.status
            for connection, part in followed.parts
        ]
        return min(found, key=lambda status: _BEST_FIRST.index(status.state))

    async def close(self) -> None:
        self._followed.clear()
        connections, self._connections = list(self._connections.values()), {}
        await asyncio.gather(*(each.close() for each in connections))

    def _connection(self, kind: StreamKind, timeframe: Timeframe) -> StreamConnection:
        key = (kind, timeframe if kind is StreamKind.CANDLES else None)
        if key not in self._connections:
            self._connections[key] = StreamConnection(
                partial(self._opened, kind), self._hear, self._clock, self._clock.steady, self._least_pause_s
            )
        return self._connections[key]

    def _subscription(self, kind: StreamKind, symbol: str, timeframe: Timeframe) -> Subscription:
        return Subscription(kind, symbol, timeframe, self._clock.steady.now_ms(), self._clock.now_ms())

    async def _opened(self, kind: StreamKind) -> Any:
        """An object of ccxt for one connection. Raises NoStreams, ExchangeError."""
        if self._public.name not in streaming_exchanges():
            raise NoStreams
        plain = await self._public.listed()
        made = await asyncio.to_thread(streaming_class, self._public.name)
        exchange = made({"enableRateLimit": True, "aiohttp_trust_env": True, "newUpdates": True})
        if not exchange.has.get(METHODS[kind]):
            raise NoStreams
        for name in _SHARED:
            setattr(exchange, name, getattr(plain, name))
        keep_alive_ms = min(exchange.streaming.get("keepAlive", KEEP_ALIVE_MS), KEEP_ALIVE_MS)
        exchange.options["ws"] = {**exchange.options.get("ws", {}), "keepAlive": keep_alive_ms}
        exchange.options["OHLCVLimit"] = KEPT_CANDLES
        if self._base_url is not None:
            exchange.urls["api"]["ws"] = _redirected(exchange.urls["api"]["ws"], self._base_url)
            exchange.timeout_on_exit = 0
        return exchange

    def _hear(self, subscription: Subscription, heard: Heard) -> None:
        followed = self._followed.get(subscription.symbol)
        if followed is None or all(part is not subscription for _, part in followed.parts):
            return  # a stream that cannot be ended, of a symbol that is not followed any more
        if not subscription.hear(heard, self._clock.steady.now_ms()):
            return
        now_ms, timeframe = self._clock.now_ms(), followed.timeframe
        missed = subscription.status.detail != ""
        if subscription.status.state is not StreamState.LIVE:
            subscription.enter(StreamState.LIVE, now_ms)
        opened_ms = timeframe.floor(now_ms) if heard.open_at_ms is None else heard.open_at_ms
        is_new = followed.newest_ms < opened_ms <= now_ms + AHEAD_MS and opened_ms == timeframe.floor(opened_ms)
        followed.newest_ms = opened_ms if is_new else followed.newest_ms
        if is_new or missed:
            followed.listener.on_news()
        # A candle that is closed already has an old price.
        latest_ms = now_ms if heard.open_at_ms is None else heard.open_at_ms + timeframe.ms
        at_ms = now_ms if heard.at_ms is None else heard.at_ms
        followed.listener.on_price(Quote(subscription.symbol, heard.price, min(at_ms, latest_ms)))


def _redirected(urls: Any, base_url: str) -> Any:
    """The same addresses on another host. Their own hosts become part of the path: ccxt looks for a part of the name to
    tell Binance's markets apart."""
    if isinstance(urls, dict):
        return {name: _redirected(each, base_url) for name, each in urls.items()}
    return f"{base_url}/{str(urls).partition('://')[2]}"
