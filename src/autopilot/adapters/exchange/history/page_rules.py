"""How each exchange's past candles are asked for through ccxt, page by page."""

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
    given. ``latest``: how many candles the exchange gives of a timeframe at all, the open one included; None if it
    gives all. ``is_addressable``: whether the request says which candles are wanted; else the exchange answers the
    latest whatever is wanted. ``cost`` of a request in ccxt's units, 1 per ``rateLimit`` milliseconds."""

    limit: int = USUAL_LIMIT
    needs_until: bool = False
    latest: int | None = None
    is_addressable: bool = True
    cost: float = 1.0


_LATEST_ONLY = PageRules(is_addressable=False)
_UNTIL = PageRules(needs_until=True)
EXCEPTIONS: Mapping[str, PageRules] = {
    "kraken": PageRules(latest=720),
    "gemini": _LATEST_ONLY,
    "bithumb": _LATEST_ONLY,
    "phemex": _LATEST_ONLY,
}
"""Of the exchanges that ccxt serves otherwise than with its own limit, the first candle and their number."""


def page_rules(exchange: str, stated_limit: int | None) -> PageRules:
    """Those of an exchange of ccxt. ``stated_limit``: by ccxt's ``features``."""
    rules = EXCEPTIONS.get(exchange, _USUAL)
    limit = stated_limit if rules.limit == USUAL_LIMIT and stated_limit else rules.limit
    return replace(rules, limit=min(limit, LARGEST_LIMIT))


_USUAL = PageRules()
