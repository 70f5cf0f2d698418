"""Markets in little memory are the same markets, as ccxt's own object without our changes has them."""

from __future__ import annotations

from typing import Any

import pytest

from autopilot.adapters.exchange.ccxt_import import exchange_class
from autopilot.adapters.exchange.lean_markets import keep_little_of_markets

LIMITS = {"amount": {"min": 0.001, "max": None}, "price": {"min": None, "max": None}, "cost": {"min": 5.0, "max": None}}


def described(exchange: Any, base: str, kind: str = "spot", **more: Any) -> dict[str, Any]:
    """A unified market, as ccxt's classes make them."""
    symbol = f"{base}/USD" if kind == "spot" else f"{base}/USD:USD"
    own = {
        "id": f"{base}USD",
        "symbol": symbol,
        "base": base,
        "quote": "USD",
        "baseId": f"X{base}",
        "quoteId": "ZUSD",
        "type": kind,
        "spot": kind == "spot",
        "swap": kind == "swap",
        "active": True,
        "precision": {"amount": 1e-08, "price": 0.01},
        "limits": LIMITS,
        "info": {"orderTypes": ["LIMIT", "MARKET"], "about": "a long text", "filters": [{"a": "1"}]},
    }
    return exchange.safe_market_structure({**own, **more})


def loaded(name: str, *, lean: bool) -> Any:
    exchange = exchange_class(name)({})
    exchange.has["fetchCurrencies"] = False
    asked: list[Any] = []

    async def fetch_markets(params: Any = None) -> list[Any]:
        asked.append(params)
        found = [described(exchange, base) for base in ("BTC", "ETH", "SOL")]
        return [*found, described(exchange, "BTC", "swap", id="BTC-PERP"), described(exchange, "DOT", id="BTCUSD")]

    exchange.fetch_markets = fetch_markets
    if lean:
        keep_little_of_markets(exchange)
    exchange.asked = asked
    return exchange


@pytest.mark.parametrize("name", ["binance", "coinbase", "kraken", "bitstamp"])
async def test_spot_markets_keep_all_but_details(name: str) -> None:
    whole, lean = loaded(name, lean=False), loaded(name, lean=True)
    for exchange in (whole, lean):
        await exchange.load_markets(True)
    assert set(lean.symbols) == {symbol for symbol, market in whole.markets.items() if market["spot"]}
    for symbol, market in lean.markets.items():
        assert market == {**whole.markets[symbol], "info": {"orderTypes": ["LIMIT", "MARKET"]}}
        assert lean.market(symbol)["id"] == whole.market(symbol)["id"]
    assert lean.currencies == whole.currencies
    assert lean.safe_currency_code("XBTC") == whole.safe_currency_code("XBTC") == "BTC"


async def test_an_id_leads_to_the_same_symbols_even_if_two_share_it() -> None:
    whole, lean = loaded("kraken", lean=False), loaded("kraken", lean=True)
    for exchange in (whole, lean):
        await exchange.load_markets(True)
    for market_id in ("BTCUSD", "ETHUSD", "SOLUSD"):
        symbols = [[each["symbol"] for each in exchange.markets_by_id[market_id]] for exchange in (whole, lean)]
        assert symbols[0] == symbols[1]
    for market_id in ("ETHUSD", "SOLUSD"):
        assert lean.safe_market(market_id)["symbol"] == whole.safe_market(market_id)["symbol"]
    assert lean.safe_market("BTC-PERP")["symbol"] == "BTC-PERP"


async def test_equal_parts_are_one_object_and_a_second_list_replaces_the_first() -> None:
    lean = loaded("kraken", lean=True)
    for _ in range(2):
        await lean.load_markets(True)
        assert lean.markets["BTC/USD"]["limits"] is lean.markets["ETH/USD"]["limits"]
        assert lean.markets_by_id["ETHUSD"][0] is lean.markets["ETH/USD"]
    lean.set_markets(lean.markets)
    assert set(lean.markets) == {"BTC/USD", "ETH/USD", "SOL/USD", "DOT/USD"}


async def test_only_binance_is_asked_for_less() -> None:
    for name, query in (("binance", {"showPermissionSets": "false"}), ("kraken", {})):
        lean = loaded(name, lean=True)
        await lean.load_markets(True)
        assert lean.asked == [query]
