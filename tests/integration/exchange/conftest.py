"""Stand-ins for exchanges on the loopback interface, for the unmodified ccxt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

NOW_MS = 1_700_006_400_000 + 20 * 60_000
"""Twenty minutes into an hour."""
HOUR_S = 3600
THIS_HOUR_S = 1_700_006_400


class StandIn:
    """One exchange's public side. ``rows``: (open in seconds, open, high, low, close, volume) as the exchange would
    spell them; ``faults``: what the next requests for candles get instead of them; ``asked``: their queries."""

    def __init__(self) -> None:
        self.rows: list[list[Any]] = [row(hours_ago) for hours_ago in range(2_000, -1, -1)]
        self.faults: list[str] = []
        self.market_faults: list[str] = []
        self.asked: list[dict[str, str]] = []
        self.market_requests = 0
        self.headers = {"Date": formatdate(NOW_MS / 1000, usegmt=True)}
        self.url = ""

    async def respond(self, faults: list[str], answer: Callable[[], Any]) -> web.StreamResponse:
        fault = faults.pop(0) if faults else ""
        match fault:
            case "hang":
                await asyncio.sleep(60)
            case "429" | "418" | "403":
                return web.json_response({"message": "slow down"}, status=int(fault))
            case "500" | "503":
                html = "<html><head><title>x</title></head><body><h1>It broke</h1></body></html>"
                return web.Response(text=html, status=int(fault), content_type="text/html")
            case "html":
                return web.Response(text="<html>maintenance</html>", content_type="text/html")
            case "null" | "[]" | '"words"' | "{" | "":
                if fault:
                    return web.Response(text=fault, content_type="application/json")
        return web.json_response(answer(), headers=self.headers)

    async def markets(self, request: web.Request) -> web.StreamResponse:
        self.market_requests += 1
        return await self.respond(self.market_faults, lambda: self.market_answer(request))

    async def candles(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(dict(request.query))
        return await self.respond(self.faults, lambda: self.candle_answer(request))

    def market_answer(self, request: web.Request) -> Any:
        raise NotImplementedError

    def candle_answer(self, request: web.Request) -> Any:
        raise NotImplementedError


def row(hours_ago: int) -> list[Any]:
    price = 30_000 + (hours_ago * 37) % 500
    return [THIS_HOUR_S - hours_ago * HOUR_S, price, price + 30, price - 30, price + 10, 1.5]


class Coinbase(StandIn):
    paths = ("/api/v3/brokerage/market/products", "/api/v3/brokerage/market/products/{id}/candles")

    def market_answer(self, request: web.Request) -> Any:
        if request.query.get("product_type") == "FUTURE":
            return {"products": []}
        return {"products": [product("BTC", "USD"), product("ETH", "USD"), product("BTC", "EUR")]}

    def candle_answer(self, request: web.Request) -> Any:
        start, end = int(request.query["start"]), int(request.query["end"])
        assert end - start <= 300 * HOUR_S, "Coinbase refuses more than 300 candles"
        names = ("start", "open", "high", "low", "close", "volume")
        wanted = [each for each in self.rows if start <= each[0] <= end]
        return {"candles": [dict(zip(names, map(str, each), strict=True)) for each in reversed(wanted)]}


def product(base: str, quote: str) -> dict[str, Any]:
    return {
        "product_id": f"{base}-{quote}",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.000016",
        "base_max_size": "3400",
        "status": "online",
        "trading_disabled": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": base,
        "alias_to": [],
    }


class Kraken(StandIn):
    paths = ("/0/public/AssetPairs", "/0/public/OHLC")
    decimals = 10
    """Of bitcoins."""

    def market_answer(self, request: web.Request) -> Any:
        pair = {
            "altname": "XBTUSD",
            "wsname": "XBT/USD",
            "base": "XXBT",
            "quote": "ZUSD",
            "pair_decimals": 1,
            "lot_decimals": 8,
            "leverage_buy": [],
            "fees": [[0, 0.4]],
            "fees_maker": [[0, 0.25]],
            "ordermin": "0.00005",
            "costmin": "0.5",
            "status": "online",
        }
        return {"error": [], "result": {"XXBTZUSD": pair}}

    async def coins(self, request: web.Request) -> web.StreamResponse:
        named = {"XXBT": ("XBT", self.decimals), "ZUSD": ("USD", 4)}
        described = {
            name: {"aclass": "currency", "altname": altname, "decimals": decimals, "status": "enabled"}
            for name, (altname, decimals) in named.items()
        }
        return web.json_response({"error": [], "result": described})

    def candle_answer(self, request: web.Request) -> Any:
        since = int(request.query.get("since", 0))
        latest = [each for each in self.rows[-720:] if each[0] > since]
        rows = [
            [at, str(opened), str(high), str(low), str(close), "30000.0", str(volume), 9]
            for at, opened, high, low, close, volume in latest
        ]
        return {"error": [], "result": {"XXBTZUSD": rows, "last": latest[-1][0] if latest else since}}


Serve = Callable[[StandIn], Awaitable[StandIn]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    servers: list[TestServer] = []

    async def start(stand_in: StandIn) -> StandIn:
        app = web.Application()
        markets, candles = stand_in.paths  # type: ignore[attr-defined]
        app.router.add_get(markets, stand_in.markets)
        app.router.add_get(candles, stand_in.candles)
        if isinstance(stand_in, Kraken):
            app.router.add_get("/0/public/Assets", stand_in.coins)
        server = TestServer(app, shutdown_timeout=0)
        servers.append(server)
        await server.start_server()
        stand_in.url = str(server.make_url("")).rstrip("/")
        return stand_in

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def coinbase(serve: Serve) -> StandIn:
    return await serve(Coinbase())


@pytest.fixture
async def kraken(serve: Serve) -> StandIn:
    return await serve(Kraken())
