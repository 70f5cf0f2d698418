"""An exchange without a network: candles from somewhere on this machine, handed out by a `MarketSession`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from autopilot.adapters.offline.session import MarketSession
from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketEnded
from autopilot.domain.market import Market, MarketKind, Quote, split_symbol
from autopilot.domain.timeframe import Timeframe, iso_utc
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import MarketSnapshot

MAKER_FEE = Decimal("0.0025")
TAKER_FEE = Decimal("0.0040")
"""Kraken's fees of the lowest volume tier, as published in 2026."""


class OfflineCandles(Protocol):
    """All candles of a market without a network. Raises UnknownSymbol and other ExchangeErrors."""

    def typical_price(self, symbol: str) -> float:
        """A price of the symbol, from which its market's steps are derived."""
        ...

    def first_open_ms(self, symbol: str, timeframe: Timeframe) -> int:
        """The candle with which deciding begins; there is a whole analysis window up to it."""
        ...

    def next_open_ms(self, symbol: str, timeframe: Timeframe, after_ms: int) -> int | None:
        """The first candle that opens after ``after_ms``; None when there is none any more."""
        ...

    def upto(self, symbol: str, timeframe: Timeframe, open_at_ms: int, limit: int) -> Candles:
        """The latest ``limit`` candles that open at or before ``open_at_ms``."""
        ...


class OfflineExchange:
    """A CandleSource whose time is its own."""

    def __init__(self, name: str, kind: MarketKind, candles: OfflineCandles, session: MarketSession) -> None:
        self._name = name
        self._kind = kind
        self._candles = candles
        self._session = session
        self._at: dict[str, int] = {}
        """Open time of the candle that each symbol is at: handed out, or the next to be."""

    @property
    def name(self) -> str:
        return self._name

    @property
    def kind(self) -> MarketKind:
        return self._kind

    @property
    def clock(self) -> Clock:
        return self._session

    async def market(self, symbol: str) -> Market:
        base, quote = split_symbol(symbol)
        magnitude = math.floor(math.log10(self._candles.typical_price(symbol)))
        amount_step = Decimal(10) ** -(magnitude + 1)
        return Market(
            symbol=symbol,
            base=base,
            quote=quote,
            amount_step=amount_step,
            price_step=Decimal(10) ** (magnitude - 5),
            min_amount=amount_step,
            min_cost=Decimal("0.5"),
            maker_fee=MAKER_FEE,
            taker_fee=TAKER_FEE,
        )

    def join(self, timeframe: Timeframe, symbols: Mapping[str, int | None]) -> None:
        """Raises UnknownSymbol, MarketUnavailable, MarketEnded."""
        first = {
            symbol: self._candles.first_open_ms(symbol, timeframe)
            if decided_ms is None
            else self._candles.next_open_ms(symbol, timeframe, decided_ms)
            for symbol, decided_ms in symbols.items()
        }
        for symbol, open_ms in first.items():
            decided_ms = symbols[symbol]
            decided_close_ms = None if decided_ms is None else decided_ms + timeframe.ms
            self._at[symbol] = decided_ms + 1 if open_ms is None and decided_ms is not None else open_ms or 0
            if open_ms is not None:
                self._session.enter(symbol, open_ms + timeframe.ms, decided_close_ms)

    def leave(self, symbol: str) -> None:
        self._session.leave(symbol)
        self._at.pop(symbol, None)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        after_ms = self._at[symbol] - 1 if since_ms is None else since_ms - 1
        open_ms = self._candles.next_open_ms(symbol, timeframe, after_ms)
        if open_ms is None:
            self._session.leave(symbol)
            raise MarketEnded(
                f"{symbol} on {self._name} has no candles after {iso_utc(after_ms)}",
                hint="autopilot stop, or start another symbol",
            )
        close_ms = open_ms + timeframe.ms
        turn = await self._session.turn(symbol, close_ms)
        if not turn:
            return MarketSnapshot(Candles.empty(timeframe), None, more=turn is False)
        self._at[symbol] = open_ms
        candles = self._candles.upto(symbol, timeframe, open_ms, limit if since_ms is None else 1)
        return MarketSnapshot(candles, Quote(symbol, float(candles.close[-1]), close_ms), more=True)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self._candles.upto(symbol, timeframe, until_ms, limit)

    async def close(self) -> None:
        """Nothing is held open."""


def parse_moment(text: str) -> int:
    """A date or a moment in ISO 8601, UTC unless it says otherwise, in milliseconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
