"""Where candles and market rules come from."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.candles import Candles
from autopilot.domain.market import Market, MarketKind, Quote
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """The answer to one fetch: closed candles, oldest first, and the latest price if one is known.

    ``more`` says that it is worth asking again at once (a stored market, as long as its next candle is due).
    """

    candles: Candles
    quote: Quote | None
    more: bool = False


class CandleSource(Protocol):
    """A public market data source. Every method raises ExchangeError and nothing else."""

    @property
    def name(self) -> str:
        """The exchange's name, as the user writes it."""
        ...

    @property
    def kind(self) -> MarketKind: ...

    @property
    def clock(self) -> Clock: ...

    async def market(self, symbol: str) -> Market:
        """The market's rules. Raises UnknownSymbol, MarketUnavailable."""
        ...

    def join(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """These symbols will be fetched; all that start together join before the first of them is fetched. A market
        with a clock of its own goes on at ``resume_at_ms``: the earliest that the next candle to be decided can open,
        None for symbols that were never decided."""
        ...

    def leave(self, symbol: str) -> None:
        """This symbol is not fetched any more; the others do not wait for it."""
        ...

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        """Closed candles that open at or after ``since_ms``, oldest first, at most ``limit``; with None, the latest
        ``limit``. Raises UnknownSymbol, UnknownTimeframe, MarketUnavailable, MarketEnded."""
        ...

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        """Plain look-up for use as a reference: the latest ``limit`` closed candles that open at or before
        ``until_ms`` (fewer where there are none). Takes no turn and moves no clock; raises as `fetch` does."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is stored of one market: open times of the first and the last candle, and how many there are."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    first_at_ms: int
    last_at_ms: int
    count: int


class CandleStore(Protocol):
    """Candles kept on this machine. Idempotent: writing a candle again replaces it. Raises StoreError."""

    def save_candles(self, exchange: str, symbol: str, candles: Candles) -> int:
        """Returns how many were new or changed."""
        ...

    def load_candles(
        self,
        exchange: str,
        symbol: str,
        timeframe: Timeframe,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        last: int | None = None,
    ) -> Candles:
        """Those that open in [since_ms, until_ms], or of them the ``last`` ones."""
        ...

    def coverage(self) -> tuple[Coverage, ...]:
        """By exchange, symbol and timeframe, in that order."""
        ...
