"""A real exchange as far as an idle daemon sees it: Coinbase's public answers on the loopback interface, with as many
markets as it has."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

MARKETS = 800
"""In November 2026 Coinbase lists about 780."""
REDIRECT = Path(__file__).parents[1] / "tests" / "stand_ins" / "redirect"
"""On PYTHONPATH it sends the requests of ccxt to AUTOPILOT_TEST_EXCHANGE."""
_ROOT = "/api/v3/brokerage"
_COINS = ("BTC", "ETH", "SOL", *(f"COIN{number}" for number in range(MARKETS - 3)))


@contextmanager
def listed_exchange() -> Iterator[dict[str, str]]:
    """The environment in which the installed program uses it instead of the real one."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner, url = asyncio.run_coroutine_threadsafe(_serve(), loop).result()
    try:
        yield {"AUTOPILOT_TEST_EXCHANGE": url, "PYTHONPATH": str(REDIRECT)}
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _serve() -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.add_routes(
        [
            web.get(f"{_ROOT}/market/products", _products),
            web.get(f"{_ROOT}/market/products/{{id}}/candles", _candles),
            web.get("/v2/time", _time),
        ]
    )
    return await served(app)


async def served(app: web.Application) -> tuple[web.AppRunner, str]:
    """Begin to serve on the loopback interface. Returns what to clean up at the end, and the address."""
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    return runner, f"http://{host}:{port}"


async def _products(request: web.Request) -> web.StreamResponse:
    is_future = request.query.get("product_type") == "FUTURE"
    return web.json_response({"products": [] if is_future else [_product(coin) for coin in _COINS]})


async def _time(_: web.Request) -> web.StreamResponse:
    now_s = int(time.time())
    return web.json_response({"data": {"iso": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s)), "epoch": now_s}})


async def _candles(request: web.Request) -> web.StreamResponse:
    """Hourly, newest first, at most 350."""
    hours = range(int(request.query["start"]) // 3600, min(int(request.query["end"]), int(time.time())) // 3600 + 1)
    return web.json_response({"candles": [_candle(hour) for hour in reversed(hours)][:350]})


def _candle(hour: int) -> dict[str, str]:
    opened, close = (30_000 + 2_000 * math.sin(at / 37) + 900 * math.sin(at / 5) for at in (hour, hour + 1))
    values = (opened, max(opened, close) * 1.003, min(opened, close) * 0.997, close, 100 + 50 * math.sin(hour / 11))
    named = zip(("open", "high", "low", "close", "volume"), values, strict=True)
    return {"start": str(hour * 3600), **{name: f"{value:.2f}" for name, value in named}}


def _product(coin: str) -> dict[str, object]:
    """All fields that the exchange sends of one."""
    return {
        "product_id": f"{coin}-USD",
        "price": "64123.45",
        "price_percentage_change_24h": "1.23456789012345",
        "volume_24h": "12345.67890123",
        "volume_percentage_change_24h": "-12.34567890123",
        "base_increment": "0.00000001",
        "quote_increment": "0.01",
        "quote_min_size": "1",
        "quote_max_size": "150000000",
        "base_min_size": "0.00000001",
        "base_max_size": "3400",
        "base_name": coin.title(),
        "quote_name": "US Dollar",
        "watched": False,
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "product_type": "SPOT",
        "quote_currency_id": "USD",
        "base_currency_id": coin,
        "fcm_trading_session_details": None,
        "mid_market_price": "",
        "alias": "",
        "alias_to": [f"{coin}-USDC"],
        "base_display_symbol": coin,
        "quote_display_symbol": "USD",
        "view_only": False,
        "price_increment": "0.01",
        "display_name": f"{coin}-USD",
        "product_venue": "CBE",
        "approximate_quote_24h_volume": "791234567.89",
        "new_at": "2023-01-01T00:00:00Z",
    }
