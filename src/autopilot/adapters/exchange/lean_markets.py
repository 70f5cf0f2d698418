"""The list of an exchange's markets in little memory: ccxt keeps 9 to 15 KB of each, and some have thousands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

_QUERIES: Mapping[str, Mapping[str, str]] = {"binance": {"showPermissionSets": "false"}}
"""Parameters that shorten the list, by exchange. At Binance two thirds of it are permissions, which nobody reads.
Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/general-endpoints#exchange-information."""
_READ_LATER = frozenset({"orderTypes", "is_cbe_routed", "instFamily", "indexToken", "type", "marketType"})
"""The fields of an exchange's own description of a market that ccxt reads when it asks for candles or sends orders."""


def keep_little_of_markets(exchange: Any) -> None:
    """Let an object of ccxt keep the spot markets only, of an exchange's own description only `_READ_LATER`, and equal
    parts such as limits once: ccxt changes no market in place."""
    read, publish = exchange.fetch_markets, exchange.set_markets
    query = _QUERIES.get(exchange.id, {})

    async def fetch_markets(params: Mapping[str, Any] | None = None) -> Any:
        markets = await read({**query, **(params or {})})
        return [_without_details(market) for market in markets if market.get("spot")]

    def set_markets(markets: Any, currencies: Any = None) -> Any:
        published = publish(markets, currencies)
        _share_parts((*exchange.markets.values(), *(exchange.currencies or {}).values()))
        for same_id in exchange.markets_by_id.values():
            same_id[:] = [_published(exchange.markets, market) for market in same_id]
        return published

    exchange.fetch_markets, exchange.set_markets = fetch_markets, set_markets


def _without_details(market: Mapping[str, Any]) -> Any:
    own = market.get("info")
    kept = {name: own[name] for name in _READ_LATER.intersection(own)} if isinstance(own, dict) else {}
    return _copied({**market, "info": kept})


def _copied(value: Any) -> Any:
    """With new texts: one that is left of the exchange's answer would keep the memory around it."""
    match value:
        case dict():
            return {_copied(key): _copied(each) for key, each in value.items()}
        case list():
            return [_copied(each) for each in value]
        case str():
            return sys.intern(value.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
    return value


def _share_parts(items: tuple[dict[str, Any], ...]) -> None:
    shared: dict[str, Any] = {}
    for item in items:
        for key, part in item.items():
            if isinstance(part, dict):
                item[key] = shared.setdefault(repr(part), part)


def _published(markets: Mapping[str, Any], market: Any) -> Any:
    """The same market with ccxt's defaults, which it keeps beside this one."""
    whole = markets[market["symbol"]]
    return whole if whole["id"] == market["id"] else market
