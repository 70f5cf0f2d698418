"""Candles made from an exchange's public trades."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, localcontext
from itertools import groupby
from typing import NamedTuple

from autopilot.domain.candles import Candle, Candles
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe, utc_text

NS_PER_MS = 1_000_000
_EXACT = Context(prec=200)
"""Sums of any real amounts are exact; ccxt changes the current context."""


class PublicTrade(NamedTuple):
    """``trade_id``: the exchange's, unique in the market. ``at_ns``: nanoseconds since the epoch. ``price`` in quote
    currency, ``amount`` in base currency."""

    trade_id: str
    at_ns: int
    price: Decimal
    amount: Decimal

    @property
    def at_ms(self) -> int:
        return self.at_ns // NS_PER_MS


def candles_of_trades(trades: Iterable[PublicTrade], timeframe: Timeframe, span: TimeSpan) -> Candles:
    """The candles of ``trades`` in any order, of which ``span`` has all: those that lie in it as a whole, oldest first.

    A trade belongs to the candle that opens at or before it. Of trades with the same id the earliest counts. Trades of
    one nanosecond follow each other by their ids. Prices are those of the trades; a volume is the exact sum of its
    amounts, rounded once. Without trades there is no candle. Raises CandleError for a trade with an impossible number.
    """
    first_ms, end_ms = timeframe.floor(span.from_ms + timeframe.ms - 1), timeframe.floor(span.to_ms)
    unique: dict[str, PublicTrade] = {}
    for trade in sorted(trades, key=_order):
        if first_ms <= trade.at_ms < end_ms:
            _require_sound(trade)
            unique.setdefault(trade.trade_id, trade)
    with localcontext(_EXACT):
        rows = [
            _candle(open_at_ms, list(inside))
            for open_at_ms, inside in groupby(unique.values(), lambda trade: timeframe.floor(trade.at_ms))
        ]
    return Candles.from_rows(timeframe, rows)


def _order(trade: PublicTrade) -> tuple[int, int, str]:
    """By time, then by id: as numbers, if ids are numbers."""
    return trade.at_ns, len(trade.trade_id), trade.trade_id


def _require_sound(trade: PublicTrade) -> None:
    if not (trade.price.is_finite() and trade.price > 0 and trade.amount.is_finite() and trade.amount >= 0):
        raise CandleError(
            f"trade {trade.trade_id} of {utc_text(trade.at_ms)} has the price {trade.price} and the amount"
            f" {trade.amount}",
            hint="check the source of these trades",
        )


def _candle(open_at_ms: int, trades: list[PublicTrade]) -> Candle:
    """Of trades in their order."""
    prices = [float(trade.price) for trade in trades]
    volume = sum((trade.amount for trade in trades), Decimal(0))
    return Candle(open_at_ms, prices[0], max(prices), min(prices), prices[-1], float(volume))
