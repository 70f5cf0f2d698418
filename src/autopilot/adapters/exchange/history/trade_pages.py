"""The public trades of an exchange, page by page from a moment on, through ccxt."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from autopilot.domain.trade_candles import PublicTrade

PAGE = 1_000
"""Trades of a request."""

_ROUNDED_NS = 1_000
"""Kraken's rows have times of seven or fewer decimals, while it compares nanoseconds."""


@dataclass(frozen=True, slots=True)
class TradePages:
    """How the trades of an exchange are paged. ``page``: of ccxt's object, a symbol and a time in nanoseconds, the
    oldest trades from that time on, in any order. ``cost_s``: seconds between two requests, as the exchange wants."""

    page: Callable[[Any, str, int], Awaitable[list[PublicTrade]]]
    cost_s: float


async def _kraken_page(exchange: Any, symbol: str, since_ns: int) -> list[PublicTrade]:
    """Kraken answers the trades after ``since``, which ccxt would send in whole seconds. Source:
    https://docs.kraken.com/api-reference/market-data/get-recent-trades."""
    trades = await exchange.fetch_trades(symbol, None, PAGE, {"since": str(since_ns - _ROUNDED_NS)})
    return [_kraken_trade(trade["info"]) for trade in trades]


def _kraken_trade(row: list[Any]) -> PublicTrade:
    """Of price, amount, time in seconds, side, type, remark, id; the last row of a page has one more number."""
    price, amount, at_s, _, _, _, trade_id = row[:7]
    return PublicTrade(str(trade_id), int(Decimal(str(at_s)).scaleb(9)), Decimal(price), Decimal(amount))


TRADE_PAGES: Mapping[str, TradePages] = {"kraken": TradePages(_kraken_page, cost_s=1.2)}
"""Of the exchanges whose trades can be paged through their whole past."""

NO_PAGES: Mapping[str, str] = {
    **dict.fromkeys(
        ("bithumb", "bybit", "coinbaseexchange", "htx", "kucoin", "okx", "phemex", "poloniex", "upbit", "whitebit"),
        "ccxt asks it for the latest trades, whatever time is wanted",
    ),
    "bitstamp": "ccxt asks it for the trades of the last hour",
    "gate": "ccxt sends it no time from which on trades are wanted",
}
"""Why others cannot. Source: ``fetch_trades`` of ccxt 4.5.90."""
