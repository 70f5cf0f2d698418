"""What the offline exchanges have in common: a session that keeps their time and order."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from autopilot.adapters.clock import MarketClock
from autopilot.adapters.exchange.session import MarketSession, Tape
from autopilot.domain.candles import Candles
from autopilot.domain.market import Market, MarketKind
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock
from autopilot.ports.market_data import MarketSnapshot

OFFLINE = ("simulated", "replay")
"""The exchanges of our own; every other name is ccxt's."""


class OfflineExchange(ABC):
    """A CandleSource whose time is its own."""

    name: str
    kind: MarketKind

    def __init__(self, speed: float, clock_skew_ms: int = 0) -> None:
        self._session = MarketSession(self._open_tape, speed)
        self._clock = MarketClock(self._session.now_ms, clock_skew_ms)

    @abstractmethod
    def _open_tape(self, symbol: str, timeframe: Timeframe) -> Tape:
        """Raises UnknownSymbol, UnknownTimeframe, MarketUnavailable."""

    @abstractmethod
    async def market(self, symbol: str) -> Market:
        """The market's rules. Raises UnknownSymbol, MarketUnavailable."""

    @property
    def clock(self) -> Clock:
        return self._clock

    def join(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        self._session.join(symbols, timeframe, resume_at_ms)

    def leave(self, symbol: str) -> None:
        self._session.leave(symbol)

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        return await self._session.fetch(symbol, timeframe, since_ms, limit)

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        return self._session.history(symbol, timeframe, until_ms, limit)

    async def close(self) -> None:
        """Everyone leaves; whoever waits for a turn stops waiting."""
        self._session.close()
