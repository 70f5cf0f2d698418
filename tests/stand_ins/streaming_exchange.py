"""The WebSocket side of Kraken and of Binance on the loopback interface, for the unmodified ccxt.

Sources: https://docs.kraken.com/api/docs/websocket-v2, and
https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import WSMsgType, web

WAIT_S = 5.0
Row = tuple[int, float, float, float, float, float]


@dataclass
class Connection:
    """``asked``: the channels that it subscribed to."""

    socket: web.WebSocketResponse
    transport: asyncio.Transport
    asked: list[tuple[Any, ...]] = field(default_factory=list)


class StreamingExchange:
    """``refusing``: whether it refuses every subscription. ``half_open``: it takes everything and answers nothing, as a
    connection does whose other end is gone. ``frozen``: it answers pings and shows nothing. ``banned``: it refuses
    every connection. ``opened``: the number of connections so far; ``welcome``: while it is not set, they are not
    answered, and ``knocked`` counts them."""

    def __init__(self) -> None:
        self.refusing = self.half_open = self.frozen = self.banned = False
        self.opened = self.knocked = 0
        self.welcome = asyncio.Event()
        self.welcome.set()
        self.connections: list[Connection] = []
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._changed = asyncio.Condition()

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{place:.*}", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"ws://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self.cut()
        if self._runner:
            await self._runner.cleanup()

    async def cut(self) -> None:
        """End all connections."""
        await asyncio.gather(*(each.socket.close() for each in tuple(self.connections)))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Inside, nothing that is sent over the open connections arrives, a goodbye neither."""
        away = [each.transport for each in self.connections]
        for each in away:
            each.pause_reading()
        yield
        for each in away:
            each.resume_reading()

    async def subscribed(self, count: int) -> None:
        """Wait until the open connections have so many subscriptions together."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: sum(len(each.asked) for each in self.connections) >= count)

    async def connected(self, count: int) -> None:
        """Wait until so many connections are open."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(lambda: len(self.connections) == count)

    async def show(self, channel: tuple[Any, ...], message: dict[str, Any]) -> None:
        """Send this to everyone who has subscribed to the channel."""
        for each in tuple(self.connections):
            if not self.frozen and not self.half_open and channel in each.asked and not each.socket.closed:
                await each.socket.send_json(message)

    def answers(self, request: dict[str, Any]) -> Iterable[tuple[tuple[Any, ...] | None, dict[str, Any]]]:
        """The channels of a subscription, each with its answer; None for a channel that is refused."""
        raise NotImplementedError

    async def candle(self, symbol: str, minutes: int, row: Row) -> None:
        """Show the candle (open time in ms, open, high, low, close, volume)."""
        raise NotImplementedError

    async def ticker(self, symbol: str, price: float, at_ms: int) -> None:
        """Show the latest price, of this time where the exchange says it."""
        raise NotImplementedError

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.banned:
            return web.Response(status=429, text="Too many requests", headers={"Retry-After": "0"})
        self.knocked += 1
        await self.welcome.wait()
        socket = web.WebSocketResponse(autoping=False)
        transport = request.transport
        if transport is None:
            return socket  # gone meanwhile
        assert isinstance(transport, asyncio.Transport)
        await socket.prepare(request)
        connection = Connection(socket, transport)
        self.opened += 1
        await self._tell(lambda: self.connections.append(connection))
        try:
            async for message in socket:
                if self.half_open:
                    continue
                if message.type is WSMsgType.PING:
                    await socket.pong(message.data)
                elif message.type is WSMsgType.TEXT:
                    await self._take(connection, json.loads(message.data))
        finally:
            await self._tell(lambda: self.connections.remove(connection))
        return socket

    async def _take(self, connection: Connection, request: dict[str, Any]) -> None:
        for channel, answer in self.answers(request):
            if channel is not None:
                await self._tell(lambda channel=channel: connection.asked.append(channel))
            await connection.socket.send_json(answer)

    async def _tell(self, change: Any) -> None:
        async with self._changed:
            change()
            self._changed.notify_all()


class StreamingKraken(StreamingExchange):
    """Version 2. A refusal is an answer with an error, which ccxt does not pass on."""

    def answers(self, request: dict[str, Any]) -> Iterable[tuple[tuple[Any, ...] | None, dict[str, Any]]]:
        if request["method"] == "ping":
            yield None, {"method": "pong", "req_id": request.get("req_id")}
            return
        assert request["method"] == "subscribe", request
        asked = request["params"]
        for symbol in asked["symbol"]:
            result = {"channel": asked["channel"], "symbol": symbol, "snapshot": True}
            answer = {"method": "subscribe", "req_id": request["req_id"], "success": not self.refusing}
            if self.refusing:
                yield None, {**answer, "error": f"Currency pair not supported {symbol}", "symbol": symbol}
            else:
                yield (asked["channel"], symbol, asked.get("interval")), {**answer, "result": result}

    async def candle(self, symbol: str, minutes: int, row: Row) -> None:
        at_ms, opened, high, low, close, volume = row
        described = {
            "symbol": symbol,
            "open": opened,
            "high": high,
            "low": low,
            "close": close,
            "trades": 1,
            "volume": volume,
            "vwap": close,
            "interval_begin": _moment(at_ms),
            "interval": minutes,
            "timestamp": _moment(at_ms + minutes * 60_000),
        }
        message = {"channel": "ohlc", "type": "update", "timestamp": _moment(at_ms), "data": [described]}
        await self.show(("ohlc", symbol, minutes), message)

    async def ticker(self, symbol: str, price: float, at_ms: int) -> None:
        described = {
            "symbol": symbol,
            "bid": price,
            "bid_qty": 1,
            "ask": price,
            "ask_qty": 1,
            "last": price,
            "volume": 9.5 + at_ms % 1000,
            "vwap": price,
            "low": price,
            "high": price,
            "change": 0,
            "change_pct": 0,
        }
        await self.show(("ticker", symbol, None), {"channel": "ticker", "type": "update", "data": [described]})


class StreamingBinance(StreamingExchange):
    """Spot. A refusal is an error with the request's id."""

    def answers(self, request: dict[str, Any]) -> Iterable[tuple[tuple[Any, ...] | None, dict[str, Any]]]:
        assert request["method"] == "SUBSCRIBE", request
        if self.refusing:
            yield None, {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": request["id"]}
            return
        for name in request["params"]:
            yield (name,), {"result": None, "id": request["id"]}

    async def candle(self, symbol: str, minutes: int, row: Row) -> None:
        at_ms, opened, high, low, close, volume = row
        code, interval = symbol.replace("/", ""), {1: "1m", 60: "1h"}[minutes]
        end_ms = at_ms + minutes * 60_000 - 1
        described = {"t": at_ms, "T": end_ms, "s": code, "i": interval, "f": 1, "L": 2, "n": 2, "x": False, "q": "1"}
        prices = {"o": str(opened), "c": str(close), "h": str(high), "l": str(low), "v": str(volume)}
        message = {"e": "kline", "E": at_ms, "s": code, "k": {**described, **prices, "V": "1", "Q": "1", "B": "0"}}
        await self.show((f"{code.lower()}@kline_{interval}",), message)

    async def ticker(self, symbol: str, price: float, at_ms: int) -> None:
        code, text = symbol.replace("/", ""), str(price)
        message = {"e": "24hrMiniTicker", "E": at_ms, "s": code, **dict.fromkeys("cohl", text)}
        await self.show((f"{code.lower()}@miniTicker",), message | {"v": str(at_ms % 1000), "q": "1"})


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
