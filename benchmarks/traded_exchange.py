"""An exchange on the loopback interface on which symbols are traded in real time, with 1m candles: the public answers
of Coinbase or Kraken. A trade shows some time after it was made, so a candle is not whole at its close."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from aiohttp import web

from autopilot.domain.candles import Candles
from autopilot.domain.timeframe import MINUTE_MS, Timeframe
from benchmarks.listed_exchange import served

LAG_MS = 300
"""Until a trade shows."""
LATENCY_S = 0.05
"""Of an answer."""
APART_MS, QUIET_APART_MS = 400, 7_000
"""Between two trades of a symbol."""
QUIET_EVERY = 5
"""One of so many symbols is quiet: after a close there is no later candle for some seconds."""
NAMES = ("BTC", "ETH")
"""Others are compared with them."""
_COINBASE = "/api/v3/brokerage"


@dataclass(frozen=True, slots=True)
class Coin:
    """One symbol, by its number. All of its trades follow from that."""

    number: int

    @property
    def name(self) -> str:
        return NAMES[self.number] if self.number < len(NAMES) else f"COIN{self.number}"

    @classmethod
    def named(cls, name: str) -> Coin:
        return cls(NAMES.index(name) if name in NAMES else int(name.removeprefix("COIN")))

    def candles(self, since_ms: int, now_ms: int) -> Candles:
        """Those that open at or after ``since_ms``, as they show at ``now_ms``."""
        apart_ms = QUIET_APART_MS if self.number % QUIET_EVERY == QUIET_EVERY - 1 else APART_MS
        first, end = -(-since_ms // apart_ms), -(-(now_ms - LAG_MS) // apart_ms)
        trades = np.arange(first, max(first, end), dtype=np.int64)
        minutes = trades * apart_ms // MINUTE_MS * MINUTE_MS
        opens = np.flatnonzero(np.diff(minutes, prepend=-1))
        waves = 1.0 + 0.02 * np.sin(trades / 997.0 + self.number) + 0.004 * np.sin(trades / 41.0)
        price = np.round(100.0 * (self.number + 1) * waves, 2)
        volume = np.round(0.5 + trades * 7919 % 100 / 100.0, 2)
        if not len(opens):
            return Candles.empty(Timeframe.M1)
        return Candles.from_arrays(
            Timeframe.M1,
            minutes[opens],
            price[opens],
            np.maximum.reduceat(price, opens),
            np.minimum.reduceat(price, opens),
            price[np.append(opens[1:], len(price)) - 1],
            np.asarray(np.add.reduceat(volume, opens), dtype=np.float64).round(2),
        )


@contextmanager
def traded_exchange(coins: int) -> Iterator[tuple[str, Callable[[], int]]]:
    """(its address, the number of requests for candles until now)."""
    served = _Served(coins)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner, url = asyncio.run_coroutine_threadsafe(served.serve(), loop).result()
    try:
        yield url, lambda: served.requests
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Served:
    def __init__(self, coins: int) -> None:
        self._coins = [Coin(number) for number in range(coins)]
        self.requests = 0

    async def serve(self) -> tuple[web.AppRunner, str]:
        app = web.Application()
        app.add_routes(
            [
                web.get(f"{_COINBASE}/market/products", self._products),
                web.get(f"{_COINBASE}/market/products/{{id}}/candles", self._coinbase_candles),
                web.get("/0/public/AssetPairs", self._pairs),
                web.get("/0/public/Assets", self._assets),
                web.get("/0/public/OHLC", self._kraken_candles),
            ]
        )
        return await served(app)

    async def _answer(self, name: str, since_ms: int) -> Candles:
        self.requests += 1
        await asyncio.sleep(LATENCY_S)
        return Coin.named(name).candles(since_ms, int(time.time() * 1000))

    async def _coinbase_candles(self, request: web.Request) -> web.StreamResponse:
        since_ms, until_ms = (int(request.query[name]) * 1000 for name in ("start", "end"))
        found = (await self._answer(request.match_info["id"].removesuffix("-USD"), since_ms)).until(until_ms)
        names = ("start", "open", "high", "low", "close", "volume")
        rows = [(each.open_at_ms // 1000, *each[1:]) for each in map(found.candle, range(len(found)))]
        return web.json_response(
            {"candles": [dict(zip(names, map(str, row), strict=True)) for row in reversed(rows[-350:])]}
        )

    async def _kraken_candles(self, request: web.Request) -> web.StreamResponse:
        name, now_ms = request.query["pair"].removesuffix("USD"), int(time.time() * 1000)
        first_ms = max(int(request.query.get("since", 0)) * 1000 + 1, now_ms - 720 * MINUTE_MS)
        found = await self._answer(name, -(-first_ms // MINUTE_MS) * MINUTE_MS)
        rows = [
            [each.open_at_ms // 1000, *map(str, each[1:5]), str(each.close), str(each.volume), 9]
            for each in map(found.candle, range(len(found)))
        ]
        return web.json_response({"error": [], "result": {request.query["pair"]: rows, "last": 0}})

    async def _products(self, request: web.Request) -> web.StreamResponse:
        is_future = request.query.get("product_type") == "FUTURE"
        return web.json_response({"products": [] if is_future else [_product(coin) for coin in self._coins]})

    async def _pairs(self, _: web.Request) -> web.StreamResponse:
        return web.json_response({"error": [], "result": {f"{coin.name}USD": _pair(coin) for coin in self._coins}})

    async def _assets(self, _: web.Request) -> web.StreamResponse:
        named = {coin.name: 8 for coin in self._coins} | {"ZUSD": 4}
        described = {
            name: {"aclass": "currency", "altname": name.removeprefix("Z"), "decimals": digits, "status": "enabled"}
            for name, digits in named.items()
        }
        return web.json_response({"error": [], "result": described})


def _product(coin: Coin) -> dict[str, object]:
    return {
        "product_id": f"{coin.name}-USD",
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
        "quote_currency_id": "USD",
        "base_currency_id": coin.name,
        "alias_to": [],
    }


def _pair(coin: Coin) -> dict[str, object]:
    return {
        "altname": f"{coin.name}USD",
        "wsname": f"{coin.name}/USD",
        "base": coin.name,
        "quote": "ZUSD",
        "pair_decimals": 2,
        "lot_decimals": 8,
        "leverage_buy": [],
        "fees": [[0, 0.4]],
        "fees_maker": [[0, 0.25]],
        "ordermin": "0.00005",
        "costmin": "0.5",
        "status": "online",
    }
