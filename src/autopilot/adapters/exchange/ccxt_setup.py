"""An exchange object of ccxt as we use it, for public data and for accounts."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.adapters.exchange.rate_limiter import RateLimiter

_COIN_DECIMALS = ("kraken",)
"""Where some coins have fewer decimals than their markets' amounts, which only the list of coins tells."""
_BURSTS = {"kraken": 24.0}
"""What an account may ask for at once, in ccxt's costs: 8 questions. Kraken counts each, up to 15, and forgets one in
three seconds. Source: https://docs.kraken.com/api/docs/guides/spot-rest-ratelimits."""
_BURST = 2.0


async def open_exchange(name: str, timeout_s: float, base_url: str | None, **more: Any) -> Any:
    """A known exchange. ``base_url`` sends every request to a stand-in for it; ``more`` as ccxt takes it, with keys for
    an account."""
    # Importing takes a third of a second, in which the other symbols' cycles go on.
    made = await asyncio.to_thread(exchange_class, name)
    exchange = made({"enableRateLimit": True, "aiohttp_trust_env": True, "timeout": int(timeout_s * 1000), **more})
    exchange.throttler = RateLimiter(exchange.rateLimit, _BURSTS.get(name, _BURST) if "apiKey" in more else _BURST)
    # At DEBUG it logs every header, keys and signatures among them.
    exchange.logger.setLevel(logging.INFO)
    if name not in _COIN_DECIMALS:
        exchange.has["fetchCurrencies"] = False  # networks and withdrawal fees: slow, and nothing that we need
    exchange.options["fetchMargins"] = False  # what may be borrowed: private on Binance, and nothing that we need
    markets = exchange.options.get("fetchMarkets")
    if isinstance(markets, dict) and "spot" in markets.get("types", ()):
        markets["types"] = ["spot"]
    if base_url is not None:
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], base_url)
    return exchange
