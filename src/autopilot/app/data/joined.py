"""Stored candles of an exchange, with those of another one before the first of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from autopilot.domain.candles import Candles
from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.lent_candles import adjoining
from autopilot.ports.market_data import CandleStore

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class LentHistory:
    """``lent``: how many of the first candles are those of ``lender``; ``why``: the reason if it lends none."""

    candles: Candles
    lender: str | None = None
    lent: int = 0
    why: str = ""


def joined_candles(
    store: CandleStore,
    exchange: str,
    lender: str | None,
    symbol: str,
    timeframe: Timeframe,
    *,
    until_ms: int | None = None,
    last: int | None = None,
) -> LentHistory:
    """The stored candles that open until ``until_ms``, or the ``last`` of them. Without ``lender`` only those of
    ``exchange``; a lender without an own candle to join with lends nothing. Raises StoreError."""
    own = store.load_candles(exchange, symbol, timeframe, until_ms=until_ms, last=last)
    wanted = None if last is None else last - len(own)
    if lender is None or lender == exchange or not len(own) or wanted == 0:
        return LentHistory(own)
    first = own.candle(0)
    other = store.load_candles(lender, symbol, timeframe, until_ms=first.open_at_ms - timeframe.ms, last=wanted)
    try:
        lent = adjoining(other, first)
    except CandleError as error:
        log.warning("%s %s: %s lends no history: %s", symbol, timeframe, lender, error)
        return LentHistory(own, lender, why=str(error))
    return LentHistory(lent.followed_by(own), lender, len(lent))
