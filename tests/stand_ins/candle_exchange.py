"""Coinbase's public candles on the loopback interface, of every length and of any time, made by a formula: strict about
the length of a page, as slow as wished, and able to tell what was asked for."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

REDIRECT = Path(__file__).parent / "redirect"
"""On PYTHONPATH it sends the requests of ccxt to AUTOPILOT_TEST_EXCHANGE."""
_ROOT = "/api/v3/brokerage"
_LENGTHS_S = {
    "ONE_MINUTE": 60,
    "FIVE_MINUTE": 300,
    "FIFTEEN_MINUTE": 900,
    "THIRTY_MINUTE": 1800,
    "ONE_HOUR": 3600,
    "SIX_HOUR": 21_600,
    "ONE_DAY": 86_400,
}
MOST = 350
"""Candles of a page."""


@dataclass(frozen=True, slots=True)
class AskedPage:
    """A request for candles: the first and the last one that may be in the answer. Times in seconds."""

    product: str
    length_s: int
    first_s: int
    last_s: int
    came_at: float


@dataclass
class CandleExchange:
    """``delay_s``: of each answer; ``listed_s``: no candle ends before; ``has``: whether the market has a candle at a
    time; ``pages``: all that was asked for; ``on_page``: called with the number of pages before each answer."""

    delay_s: float = 0.0
    listed_s: int = 0
    has: Callable[[int], bool] = lambda _: True
    pages: list[AskedPage] = field(default_factory=list)
    on_page: Callable[[int], None] = lambda _: None
    coins: tuple[str, ...] = ("BTC", "ETH")
    status: int = 200
    url: str = ""
    most_under_way: int = 0
    _under_way: int = 0

    @property
    def environment(self) -> dict[str, str]:
        """In which the installed program uses it instead of the real exchange."""
        return {"AUTOPILOT_TEST_EXCHANGE": self.url, "PYTHONPATH": str(REDIRECT)}

    @contextmanager
    def answering(self) -> Iterator[CandleExchange]:
        """In a thread of its own."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, daemon=True)
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._serve(), loop).result()
        try:
            yield self
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _serve(self) -> web.AppRunner:
        app = web.Application()
        app.add_routes(
            [
                web.get(f"{_ROOT}/market/products", self._products),
                web.get(f"{_ROOT}/market/products/{{id}}/candles", self._candles),
                web.get("/v2/time", self._time),
            ]
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return runner

    async def _products(self, request: web.Request) -> web.StreamResponse:
        is_future = request.query.get("product_type") == "FUTURE"
        return web.json_response({"products": [] if is_future else [_product(coin) for coin in self.coins]})

    async def _time(self, _: web.Request) -> web.StreamResponse:
        now_s = int(time.time())
        iso = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s))
        return web.json_response({"data": {"iso": iso, "epoch": now_s}})

    async def _candles(self, request: web.Request) -> web.StreamResponse:
        """Newest first. More than a page is refused, as Coinbase does."""
        length_s = _LENGTHS_S[request.query["granularity"]]
        begin_s, end_s = int(request.query["start"]), int(request.query["end"])
        first_s, last_s = -(-begin_s // length_s) * length_s, end_s // length_s * length_s
        self.pages.append(AskedPage(request.match_info["id"], length_s, first_s, last_s, time.monotonic()))
        self._under_way += 1
        self.most_under_way = max(self.most_under_way, self._under_way)
        self.on_page(len(self.pages))
        await asyncio.sleep(self.delay_s)
        self._under_way -= 1
        if self.status != 200:
            return web.json_response({"error": "unavailable"}, status=self.status)
        if (last_s - first_s) // length_s >= MOST:
            words = {"error": "INVALID_ARGUMENT", "message": f"number of candles requested should be less than {MOST}"}
            return web.json_response(words, status=400)
        last_s = min(last_s, int(time.time()) // length_s * length_s)
        found = (at for at in range(last_s, first_s - 1, -length_s) if at + length_s > self.listed_s and self.has(at))
        return web.json_response({"candles": [_candle(at, length_s) for at in found]})


def ending(pid: int) -> None:
    """Kill a process at once."""
    os.kill(pid, signal.SIGKILL)


def candle_values(at_s: int, length_s: int) -> tuple[float, float, float, float, float]:
    """Open, high, low, close and volume of the candle at a time."""
    opened, close = (
        30_000 + 2_000 * math.sin(at / 133_200) + 900 * math.sin(at / 18_000) for at in (at_s, at_s + length_s)
    )
    return opened, max(opened, close) * 1.003, min(opened, close) * 0.997, close, 100 + 50 * math.sin(at_s / 39_600)


def _candle(at_s: int, length_s: int) -> dict[str, str]:
    named = zip(("open", "high", "low", "close", "volume"), candle_values(at_s, length_s), strict=True)
    return {"start": str(at_s), **{name: f"{value:.2f}" for name, value in named}}


def _product(coin: str) -> dict[str, object]:
    """The fields that ccxt reads."""
    return {
        "product_id": f"{coin}-USD",
        "price": "64123.45",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "price_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "is_disabled": False,
        "status": "online",
        "trading_disabled": False,
        "product_type": "SPOT",
        "quote_currency_id": "USD",
        "base_currency_id": coin,
    }
