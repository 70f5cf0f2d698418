"""A way to a history that is known: it answers page by page, and fails as it is told to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import TimeSpan, Way
from autopilot.domain.errors import ExchangeError, UnknownTimeframe
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.ports.history import FetchedChunk, HistoryChunk, HistoryWay


@dataclass
class ListedHistory(HistoryWay):
    """``candles``: all that the exchange has; ``gives``: the span that this way gives; ``page``: candles in a chunk.
    ``fails``: the error of a chunk, None for an answer. ``asked``: how often each span was."""

    candles: Candles
    gives: TimeSpan
    page: int = 10
    exchange: str = "there"
    way: Way = Way.PAGES
    requests_per_s: float = 5.0
    fails: Callable[[HistoryChunk], ExchangeError | None] = lambda _: None
    asked: Counter[TimeSpan] = field(default_factory=Counter)
    under_way: int = 0
    most_under_way: int = 0
    refuses: ExchangeError | None = None
    has_days: bool = True

    async def chunks(self, symbol: str, timeframe: Timeframe, lacking: Sequence[TimeSpan]) -> Sequence[HistoryChunk]:
        if self.refuses:
            raise self.refuses
        step_ms = self.page * timeframe.ms
        if timeframe is Timeframe.D1 and not self.has_days:
            raise UnknownTimeframe("no candles of a day")
        first_ms, end_ms = timeframe.floor(self.gives.from_ms), timeframe.floor(self.gives.to_ms - 1) + timeframe.ms
        given = [(max(span.from_ms, first_ms), min(span.to_ms, end_ms)) for span in lacking]
        return [
            HistoryChunk(self.way, symbol, timeframe, TimeSpan(at_ms, min(at_ms + step_ms, to_ms)))
            for from_ms, to_ms in given
            for at_ms in range(from_ms, to_ms, step_ms)
        ]

    async def fetch(self, chunk: HistoryChunk) -> FetchedChunk:
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        if error := self.fails(chunk):
            raise error
        self.asked[chunk.span] += 1
        if chunk.timeframe is Timeframe.D1:
            return FetchedChunk(self._days(chunk.span), chunk.span)
        return FetchedChunk(self.candles.since(chunk.span.from_ms).until(chunk.span.to_ms - 1), chunk.span)

    def _days(self, span: TimeSpan) -> Candles:
        at_ms = np.unique(self.candles.open_at_ms // DAY_MS * DAY_MS)
        price = np.ones(len(at_ms))
        days = Candles.from_arrays(Timeframe.D1, at_ms, price, price, price, price, price)
        return days.since(span.from_ms).until(span.to_ms - 1)

    async def close(self) -> None:
        """Nothing to do."""
