"""An exchange object of ccxt as we use it, for public data and for accounts."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.adapters.exchange.lean_markets import keep_little_of_markets
from autopilot.adapters.exchange.rate_limiter import RateLimiter
from autopilot.ports.clock import Clock


async def open_exchange(
    name: str,
    timeout_s: float,
    base_url: str | None,
    *,
    clock: Clock,
    burst: float,
    needs_coin_list: bool,
    **more: Any,
) -> Any:
    """A known exchange. ``base_url`` sends every request to a stand-in for it; ``clock``: the exchange's time, with
    which requests are signed; ``burst`` and ``needs_coin_list`` as in `VenueRules`; ``more`` are ccxt's own options,
    with the keys of an account."""
    # Importing takes a third of a second; the other symbols' cycles go on meanwhile.
    made = await asyncio.to_thread(exchange_class, name)
    exchange = made({"enableRateLimit": True, "aiohttp_trust_env": True, "timeout": int(timeout_s * 1000), **more})
    exchange.throttler = RateLimiter(exchange.rateLimit, burst)
    exchange.milliseconds, exchange.seconds = clock.now_ms, lambda: clock.now_ms() // 1000
    # At DEBUG it logs every header, with keys and signatures.
    exchange.logger.setLevel(logging.INFO)
    if not needs_coin_list:
        exchange.has["fetchCurrencies"] = False  # networks and withdrawal fees: slow and not needed
    exchange.options["fetchMargins"] = False  # coins to borrow: private on Binance and not needed
    markets = exchange.options.get("fetchMarkets")
    if isinstance(markets, dict) and "spot" in markets.get("types", ()):
        markets["types"] = ["spot"]
    keep_little_of_markets(exchange)
    if base_url is not None:
        exchange.urls["api"] = dict.fromkeys(exchange.urls["api"], base_url)
    return exchange
