"""The ways to the past candles of an exchange, and where what is known of them is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import EVER, CoveredSpan, Gap, TimeSpan, Way
from autopilot.domain.timeframe import Timeframe


@dataclass(frozen=True, slots=True)
class HistoryChunk:
    """A part of a download that is fetched and committed by itself: a page, an archive file, an hour of trades.

    ``requests`` and ``bytes`` are estimates. ``requests_between``: the fewest and the most requests, where the estimate
    is uncertain. ``address``: of an archive file; "" else.
    """

    way: Way
    symbol: str
    timeframe: Timeframe
    span: TimeSpan
    requests: int = 1
    bytes: int = 0
    address: str = ""
    requests_between: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class FetchedChunk:
    """The answer to a chunk. ``candles``: all closed candles that the exchange has in ``known``, oldest first.
    ``known``: the part of the chunk's span that was really answered; the rest is still missing; None if nothing was.
    ``next_at_ms``: of a chunk without candles, when the first candle after it opened, if the answer shows that.
    ``is_doubtful``: there is no candle, and the answer does not show one on either side: worth asking once more."""

    candles: Candles
    known: TimeSpan | None
    next_at_ms: int | None = None
    is_doubtful: bool = False


class HistoryWay(Protocol):
    """One way to the past candles of one exchange. Methods raise ExchangeError and nothing else."""

    @property
    def way(self) -> Way:
        """Which one."""

    @property
    def exchange(self) -> str:
        """The exchange's name in the configuration."""

    @property
    def requests_per_s(self) -> float:
        """How many requests the exchange allows."""

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        """Chunks, oldest first, for the part of ``lacking`` that this way gives; empty if it gives nothing of it.
        Raises UnknownSymbol, UnknownTimeframe, HistoryUnavailable, MarketUnavailable."""

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        """Fetch one chunk, within the exchange's limit; several at the same time are fine. Raises MarketUnavailable if
        it is worth trying again, HistoryUnavailable if not."""

    async def close(self) -> None:
        """Close all connections."""


class CoverageStore(Protocol):
    """What is known of each series. Methods raise StoreError."""

    def covered(
        self, exchange: str, symbol: str, timeframe: Timeframe, near: TimeSpan = EVER
    ) -> tuple[CoveredSpan, ...]:
        """Disjoint spans, oldest first: those that overlap or touch ``near``, and maybe others beside it."""

    def gaps(self, exchange: str, symbol: str, timeframe: Timeframe, near: TimeSpan = EVER) -> tuple[Gap, ...]:
        """Disjoint gaps, oldest first: those that overlap or touch ``near``, and maybe others beside it."""

    def save_covered(
        self, exchange: str, symbol: str, candles: Candles, covered: CoveredSpan, gaps: Sequence[Gap] = ()
    ) -> int:
        """Store candles and what is known of their span, in one transaction: earlier entries of the span are replaced.
        Returns the number of candles that were new or changed."""


class Backfill(Protocol):
    """Fetches the candles that a running symbol missed."""

    async def fill(self, symbol: str, timeframe: Timeframe, span: TimeSpan) -> int:
        """Fetch and store what is missing of ``span`` after its first stored candle, unless the exchange said before
        that it does not exist. Returns the number of new candles. Raises MarketUnavailable if it is worth trying
        again, StoreError."""
