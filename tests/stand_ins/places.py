"""Every exchange that takes real orders: its stand-in on the loopback interface, keys of it, and its market."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import binance_exchange
import coinbase_exchange
import kraken_exchange
from loopback_exchange import LoopbackExchange

from autopilot.domain.credentials import ExchangeKeys
from autopilot.domain.market import Market


@dataclass(frozen=True)
class Place:
    """``opens`` makes the exchange, given the time."""

    opens: type[LoopbackExchange]
    keys: ExchangeKeys
    market: Market


def _market(symbol: str, *rules: str) -> Market:
    """``rules``: steps of amount and price, the least amount and the least cost."""
    base, quote = symbol.split("/")
    return Market(symbol, base, quote, *map(Decimal, rules), maker_fee=Decimal("0.0025"), taker_fee=Decimal("0.004"))


PLACES = {
    "kraken": Place(
        kraken_exchange.KrakenExchange,
        ExchangeKeys(kraken_exchange.API_KEY, kraken_exchange.SECRET),
        _market("BTC/USD", "0.00000001", "0.1", "0.00005", "0.5"),
    ),
    "binance": Place(
        binance_exchange.BinanceExchange,
        ExchangeKeys(binance_exchange.API_KEY, binance_exchange.SECRET),
        _market("BTC/USDT", "0.00001", "0.01", "0.00001", "5"),
    ),
    "coinbase": Place(
        coinbase_exchange.CoinbaseExchange,
        ExchangeKeys(coinbase_exchange.API_KEY, coinbase_exchange.SECRET),
        _market("BTC/USD", "0.00000001", "0.01", "0.00001", "1"),
    ),
}
