"""Streams through the unmodified ccxt, before loopback servers that fail as exchanges do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from binance_exchange import BinanceExchange
from ccxt.base.errors import RequestTimeout
from fake_clock import FakeClock, exchange_clock
from kraken_exchange import KrakenExchange
from streaming_exchange import StreamingBinance, StreamingExchange, StreamingKraken

from autopilot.adapters.exchange.public_exchange import PublicExchange
from autopilot.adapters.exchange.streams import connection, session
from autopilot.adapters.exchange.streams.ccxt_streams import CcxtStreams
from autopilot.domain.market import Quote
from autopilot.domain.timeframe import HOUR_MS, Timeframe
from autopilot.ports.streams import StreamListener, StreamState

H1 = Timeframe.H1


@dataclass
class Listener(StreamListener):
    """What the streams said."""

    news: int = 0
    quotes: list[Quote] = field(default_factory=list)

    def on_news(self) -> None:
        self.news += 1

    def on_price(self, quote: Quote) -> None:
        self.quotes.append(quote)


@dataclass
class World:
    """One exchange's streams; ``clock`` is everybody's."""

    clock: FakeClock
    server: StreamingExchange
    streams: CcxtStreams
    listener: Listener
    symbol: str

    def state(self) -> StreamState:
        status = self.streams.status(self.symbol)
        assert status
        return status.state

    async def subscribe(self) -> None:
        self.streams.subscribe(self.symbol, H1, self.listener)
        await self.server.subscribed(2)

    def compare(self, price: float) -> None:
        """A minute later the exchange answers a request with this price."""
        self.clock.at_ms += 60_000
        self.streams.compare(Quote(self.symbol, price, self.clock.at_ms))

    async def price(self, price: float) -> None:
        """The ticker shows it, and it is heard."""
        before = len(self.listener.quotes)
        await self.server.ticker(self.symbol, price, self.clock.at_ms)
        await until(lambda: len(self.listener.quotes) > before)


async def until(is_so: Callable[[], bool]) -> None:
    """The loop runs on until it is."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - a state changes without an event
            await asyncio.sleep(0.001)


@asynccontextmanager
async def world(name: str) -> AsyncIterator[World]:
    clock = FakeClock()
    clock.at_ms = clock.at_ms // HOUR_MS * HOUR_MS + 600_000
    kinds: dict[str, Any] = {
        "kraken": (KrakenExchange, StreamingKraken),
        "binance": (BinanceExchange, StreamingBinance),
    }
    plain, server = kinds[name][0](clock.now_ms), kinds[name][1]()
    await asyncio.gather(plain.start(), server.start())
    exchange_time = exchange_clock(name, clock)
    public = PublicExchange(name, exchange_time, 5.0, needs_coin_list=name == "kraken", base_url=plain.url)
    (await public.open()).timeout_on_exit = 0
    tasks = asyncio.all_tasks()
    streams = CcxtStreams(public, base_url=server.url, least_pause_s=0.002)
    symbol = {"kraken": "BTC/USD", "binance": "BTC/USDT"}[name]
    try:
        yield World(clock, server, streams, Listener(), symbol)
    finally:
        await streams.close()
        await server.connected(0)
        left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
        left = {each for each in left if "RequestHandler" not in repr(each)}  # the servers'
        await asyncio.gather(public.close(), plain.stop(), server.stop())
        assert left == set()


@pytest.fixture(params=["kraken", "binance"])
async def there(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with world(request.param) as made:
        yield made


async def test_a_price_and_the_begin_of_a_candle_are_heard(there: World) -> None:
    await there.subscribe()
    assert there.state() is StreamState.CONNECTING
    await there.price(30_000.5)
    assert there.state() is StreamState.LIVE
    assert there.listener.quotes[-1] == Quote(there.symbol, 30_000.5, there.clock.at_ms)
    assert there.listener.news == 0
    begin_ms = H1.floor(there.clock.at_ms) + HOUR_MS
    there.clock.at_ms = begin_ms + 100
    await there.server.candle(there.symbol, 60, (begin_ms, 1.0, 2.0, 0.5, 1.5, 3.0))
    await until(lambda: there.listener.news == 1)
    assert there.listener.quotes[-1].price == 1.5
    await there.price(30_001.0)
    assert there.listener.news == 1, "once a candle"


async def test_a_frozen_stream_is_replaced_while_the_price_moves(there: World) -> None:
    await there.subscribe()
    await there.price(30_000.0)
    there.server.frozen = True
    opened = there.server.opened
    there.compare(30_000.0)
    there.compare(30_000.0)
    assert there.state() is StreamState.LIVE, "nothing moves, so nothing has to be said"
    there.compare(30_001.0)
    assert there.state() is StreamState.SILENT
    await until(lambda: there.server.opened > opened)
    there.server.frozen = False
    await there.server.subscribed(2)
    await there.price(30_002.0)
    assert there.state() is StreamState.LIVE
    assert there.listener.news == 1, "what was missed is asked for"


async def test_a_stream_that_repeats_itself_is_as_good_as_silent(there: World) -> None:
    await there.subscribe()
    at_ms = there.clock.at_ms
    await there.price(30_000.0)
    for price in (30_000.0, 30_010.0, 30_020.0):
        await there.server.ticker(there.symbol, 30_000.0, at_ms)
        there.compare(price)
    assert there.state() is StreamState.SILENT


async def test_a_connection_that_ends_is_made_again_and_says_what_may_be_missing(there: World) -> None:
    await there.subscribe()
    for number in range(3):
        await there.price(30_000.0 + number)
        assert there.state() is StreamState.LIVE
        assert there.listener.news == number
        await there.server.cut()
        await there.server.subscribed(2)
    assert len(there.server.connections) == 2, "one for each kind, and none beside it"


async def test_a_refused_stream_is_left_alone_for_a_while(there: World) -> None:
    there.server.refusing = True
    there.streams.subscribe(there.symbol, H1, there.listener)
    number = 0
    while there.state() is not StreamState.REFUSED:
        number += 1
        opened = there.server.opened
        await until(lambda opened=opened: there.server.opened > opened or there.state() is StreamState.REFUSED)
        await until(lambda: len(there.server.connections) > 0 or there.state() is StreamState.REFUSED)
        for step in range(3):
            there.compare(30_000.0 + 3 * number + step)
        assert number < 30
    opened = there.server.opened
    there.compare(1.0)
    there.compare(2.0)
    assert (there.state(), there.server.opened) == (StreamState.REFUSED, opened)


async def test_a_connection_is_renewed_before_the_exchange_cuts_it(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REFUSED_MS", 10)
    await there.subscribe()
    await there.price(30_000.0)
    old = list(there.server.connections)
    there.clock.at_ms += connection.LIFE_MS
    await there.server.subscribed(4)
    assert all(not each.socket.closed for each in old), "the new one first"
    await there.price(30_001.0)
    await there.server.candle(there.symbol, 60, (H1.floor(there.clock.at_ms), 1.0, 2.0, 0.5, 1.5, 3.0))
    await there.server.connected(2)
    assert all(each.socket.closed for each in old)
    assert there.state() is StreamState.LIVE
    await there.price(30_002.0)


async def test_closing_leaves_nothing_of_a_connection_that_is_being_made(there: World) -> None:
    there.server.welcome.clear()
    there.streams.subscribe(there.symbol, H1, there.listener)
    await until(lambda: there.server.knocked == 2)
    await there.streams.close()
    there.server.welcome.set()
    await there.server.connected(0)


async def test_closing_does_not_wait_for_a_goodbye_of_an_exchange_that_is_away(
    there: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "POLITE_S", 0.05)
    await there.subscribe()
    with there.server.away():
        async with asyncio.timeout(3):
            await there.streams.close()
    await there.server.connected(0)


async def test_a_connection_that_is_not_answered_is_given_up(there: World) -> None:
    there.server.half_open = True
    there.streams.subscribe(there.symbol, H1, there.listener)
    await there.server.connected(2)
    knocked = there.server.knocked
    there.compare(30_000.0)
    there.compare(30_001.0)
    await until(lambda: there.server.knocked > knocked)


async def test_messages_nobody_can_use_change_nothing(there: World) -> None:
    await there.subscribe()
    await there.price(30_000.0)
    now_ms = there.clock.at_ms
    begin_ms = H1.floor(now_ms)
    for row in ((begin_ms + 10 * HOUR_MS, 1.0, 1.0, 1.0, 0.0, 1.0), (begin_ms + 1, 1.0, 1.0, 1.0, -1.0, 1.0)):
        await there.server.candle(there.symbol, 60, row)
    await there.server.ticker(there.symbol, 0.0, now_ms)
    await there.price(30_001.0)
    assert [each.price for each in there.listener.quotes] == [30_000.0, 30_001.0]
    assert there.listener.news == 0


async def test_a_candle_of_the_far_future_is_no_news(there: World) -> None:
    await there.subscribe()
    await there.server.candle(there.symbol, 60, (H1.floor(there.clock.at_ms) + 5 * HOUR_MS, 1.0, 2.0, 0.5, 1.5, 3.0))
    await until(lambda: there.state() is StreamState.LIVE)
    assert there.listener.news == 0


async def test_a_blocked_loop_costs_a_connection_and_no_more(there: World) -> None:
    """What ccxt takes for a time-out: its own clock runs on while nothing is read."""
    await there.subscribe()
    await there.price(30_000.0)
    for each in there.streams._connections.values():
        assert each._session
        for client in tuple(each._session._exchange.clients.values()):
            client.on_error(RequestTimeout("Connection timed out due to a ping-pong keepalive missing on time"))
    await until(lambda: there.server.opened == 4 and len(there.server.connections) == 2)
    await there.server.subscribed(2)
    await there.price(30_001.0)
    assert there.state() is StreamState.LIVE
    assert there.listener.news == 1


async def test_a_connection_that_ccxt_closes_is_made_again(there: World) -> None:
    """ccxt then cancels whoever waits for a message."""
    await there.subscribe()
    await there.price(30_000.0)
    for each in there.streams._connections.values():
        assert each._session
        await asyncio.gather(*(client.close() for client in each._session._exchange.clients.values()))
    await until(lambda: there.server.opened == 4 and len(there.server.connections) == 2)
    await there.server.subscribed(2)
    await there.price(30_001.0)
    assert there.state() is StreamState.LIVE


async def test_a_symbol_that_is_not_followed_any_more_is_not_heard(there: World) -> None:
    await there.subscribe()
    await there.price(30_000.0)
    there.streams.unsubscribe(there.symbol)
    await there.server.connected(0)
    assert there.streams.status(there.symbol) is None
    await there.subscribe()
    await there.price(30_001.0)


async def test_an_exchange_without_streams_is_polled() -> None:
    clock = FakeClock()
    public = PublicExchange("bit2c", exchange_clock("bit2c", clock), 5.0, needs_coin_list=False, base_url=None)
    streams = CcxtStreams(public)
    streams.subscribe("BTC/NIS", H1, Listener())
    await until(lambda: _state(streams) is StreamState.OFF)
    await streams.close()


def _state(streams: CcxtStreams) -> StreamState | None:
    status = streams.status("BTC/NIS")
    return status and status.state
