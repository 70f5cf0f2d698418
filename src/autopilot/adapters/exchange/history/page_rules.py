"""How pages of past candles are requested from each exchange of ccxt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

USUAL_LIMIT = 300
"""The candles of a page if ccxt does not state them."""
LARGEST_LIMIT = 10_000
"""So that a page arrives within the limit of time, and no more than this is fetched again after a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRules:
    """``limit``: the most candles of a page. ``needs_until``: whether ccxt sends the end of the page only if it is
    given. ``latest``: how many candles of a timeframe the exchange keeps, the open one included, if not all.
    ``is_addressable``: whether the request names the time of the candles; else the latest ones are the answer to any
    request. ``cost`` of a request: 1 takes ``rateLimit`` milliseconds of ccxt."""

    limit: int = USUAL_LIMIT
    needs_until: bool = False
    latest: int | None = None
    is_addressable: bool = True
    cost: float = 1.0


_LATEST_ONLY = PageRules(is_addressable=False)
_UNTIL = PageRules(needs_until=True)
EXCEPTIONS: Mapping[str, PageRules] = {
    "bithumb": _LATEST_ONLY,
    "bitrue": _UNTIL,
    "bitteam": _LATEST_ONLY,
    "bittrade": _LATEST_ONLY,
    "bullish": PageRules(limit=100),
    "deepcoin": _UNTIL,
    "gemini": _LATEST_ONLY,
    "hollaex": _UNTIL,
    "hyperliquid": PageRules(needs_until=True, latest=5000),
    "kraken": PageRules(latest=720),
    "nado": _UNTIL,
    "p2b": _LATEST_ONLY,
    "phemex": _LATEST_ONLY,
    "revolutx": _UNTIL,
    "weex": _LATEST_ONLY,
    "zebpay": _UNTIL,
}
"""Where ccxt's ``features`` are wrong or say too little. Sources: ``fetch_ohlcv`` of ccxt 4.5.90, and for how much
there is https://docs.kraken.com/api-reference/market-data/get-ohlc-data and
https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/info-endpoint. The tests compare every exchange's
requests with this table."""
COSTS: Mapping[str, float] = {
    "bequant": 10,
    "binance": 0.4,
    "binanceus": 0.4,
    "bitfinex": 2.7,
    "bitrue": 0.24,
    "btse": 3,
    "bybit": 5,
    "bybiteu": 5,
    "bybitid": 5,
    "coinbase": 3,
    "fmfwio": 10,
    "foxbit": 12,
    "hitbtc": 10,
    "hyperliquid": 4,
    "indodax": 5,
    "kraken": 1.2,
    "kucoin": 3,
    "lbank": 2.5,
    "pacifica": 12,
    "upbit": 2,
    "zebpay": 10,
}
"""What a request for candles costs, in units of ccxt's ``rateLimit``; 1 elsewhere."""


def page_rules(exchange: str, stated_limit: int | None) -> PageRules:
    """Those of an exchange of ccxt. ``stated_limit``: by ccxt's ``features``."""
    rules = EXCEPTIONS.get(exchange, PageRules())
    limit = stated_limit if rules.limit == USUAL_LIMIT and stated_limit else rules.limit
    return replace(rules, limit=min(limit, LARGEST_LIMIT), cost=COSTS.get(exchange, 1.0))
