"""The sources and stores of candles and of market rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Way
from autopilot.domain.market import Market, MarketKind, Quote
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock


@dataclass(frozen=True, slots=True)
class MarketSnapshot:
    """The answer to one fetch: closed candles, oldest first, and the latest price, None if unknown.

    ``more``: whether to fetch again at once, because the next candle is due already (on an offline market).
    ``awaited``: whether a candle has closed that the exchange does not show yet, or not for good: fetch again soon.
    """

    candles: Candles
    quote: Quote | None
    more: bool = False
    awaited: bool = False


class CandleSource(Protocol):
    """The public market data of one exchange. Methods raise ExchangeError and nothing else."""

    @property
    def name(self) -> str:
        """The exchange's name in the configuration."""

    @property
    def kind(self) -> MarketKind:
        """Real, replayed or simulated."""

    @property
    def clock(self) -> Clock:
        """The market's time."""

    async def market(self, symbol: str) -> Market:
        """The market's rules. Raises UnknownSymbol, MarketUnavailable."""

    def subscribe(self, symbols: Collection[str], timeframe: Timeframe, resume_at_ms: int | None) -> None:
        """Announce that these symbols will be fetched. Subscribe all symbols that start together before the first of
        them is fetched. ``resume_at_ms``: the earliest open time of the next candle to decide, at which a market with a
        clock of its own goes on; None for symbols without a decision. Raises nothing: an unknown symbol raises in
        `fetch`."""

    def unsubscribe(self, symbol: str) -> None:
        """Announce that this symbol is fetched no more, so that the others do not wait for it. Does nothing for a
        symbol that is not subscribed."""

    async def fetch(self, symbol: str, timeframe: Timeframe, since_ms: int | None, limit: int) -> MarketSnapshot:
        """At most ``limit`` closed candles that open at or after ``since_ms``, oldest first; the latest ``limit`` if
        ``since_ms`` is None. Raises UnknownSymbol, UnknownTimeframe, MarketUnavailable, MarketEnded."""

    async def history(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        """The latest ``limit`` closed candles that open at or before ``until_ms``, oldest first; fewer if the market
        has no more. Needs no subscription and moves no clock. Raises as `fetch` does."""

    async def close(self) -> None:
        """Close all connections; a fetch that waits returns or raises MarketUnavailable."""


class KnownMarket(CandleSource, Protocol):
    """A market whose candles to come are known already, because they are stored or made up."""

    def known(self, symbol: str, timeframe: Timeframe, until_ms: int, limit: int) -> Candles:
        """As `history`, but whether or not the candles have closed."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The stored candles of one market: open times of the first and the last one, and their number."""

    exchange: str
    symbol: str
    timeframe: Timeframe
    first_at_ms: int
    last_at_ms: int
    count: int


class CandleStore(Protocol):
    """The candles stored on this machine. Saving a candle again replaces it. Methods raise StoreError."""

    def save_candles(self, exchange: str, symbol: str, candles: Candles, way: Way = Way.LIVE) -> int:
        """Returns the number of candles that were new or changed: these came by ``way``, the others as before. Holes
        between them are not covered."""

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
        """Candles that open in [since_ms, until_ms], oldest first; only the latest ``last`` of them if given."""

    def coverage(self) -> tuple[Coverage, ...]:
        """One entry per exchange, symbol and timeframe, sorted in that order."""
