"""What the analysis of one closed candle gives the cycle, and the reader that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.conditions import MarketConditions
from autopilot.domain.decision import CandleBasis
from autopilot.domain.sentiment import LOOKBACK_MS
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.market_window import JoinedCandles
from autopilot.engine.reference import ReferenceCandles
from autopilot.performance.performance_tracker import candles_maturing
from autopilot.ports.sentiment import SentimentSource
from autopilot.strategies.live import LiveMarket
from autopilot.strategies.registry import Evaluation, StrategySet

BLOCK = 1020
"""Candles that are evaluated together: whole groups of `performance_tracker.MATURED_AT_ONCE`."""
PAUSE_S = 0.005
"""Between two steps of long work: enough for whoever waits for the event loop, a client for instance."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One closed candle, analyzed: candle ``index`` of ``view``, with at least `WINDOW` candles before its end if that
    many exist. A view may have later candles, which nothing here depends on; ``evaluation.arrays`` have as many entries
    as the view."""

    view: MarketView
    index: int
    basis: CandleBasis
    conditions: MarketConditions
    evaluation: Evaluation

    @property
    def open_at_ms(self) -> int:
        return int(self.view.candles.open_at_ms[self.index])

    @property
    def price(self) -> float:
        """The candle's close."""
        return float(self.view.candles.close[self.index])


class CandleReader(Protocol):
    """Reads the candles of one symbol, each once and in order, but for restarts and failed cycles."""

    async def read(self, joined: JoinedCandles) -> Reading:
        """The reading of the last of these candles. Raises ExchangeError, StoreError, and CandleError if they are too
        few."""

    async def view(self, candles: Candles) -> MarketView:
        """Any candles of the symbol, with the reference and the sentiment known at each."""


class ViewMaker:
    """Makes the views of one symbol: candles with the reference and the sentiment known at each. ``reference`` is None
    without a reference symbol."""

    def __init__(self, symbol: str, reference: ReferenceCandles | None, sentiment: SentimentSource) -> None:
        self._symbol = symbol
        self._reference = reference
        self._sentiment = sentiment

    async def view(self, candles: Candles) -> MarketView:
        """Raises ExchangeError, StoreError."""
        length = max(WINDOW, len(candles))
        reference = await self._reference.as_reference(candles.last_at_ms, length) if self._reference else None
        closed_at_ms = candles.last_at_ms + candles.timeframe.ms
        since_ms = int(candles.open_at_ms[0]) - LOOKBACK_MS
        sentiment = await self._sentiment.series(self._symbol, since_ms, closed_at_ms)
        return market_view(self._symbol, candles, reference, sentiment)


class WindowReader(CandleReader):
    """Reads one candle after the other, at the cost of a candle; each equals its window evaluated as a whole."""

    def __init__(self, views: ViewMaker, analyzer: MarketAnalyzer, strategies: StrategySet) -> None:
        self._views = views
        self._market = LiveMarket(analyzer, strategies)

    async def read(self, joined: JoinedCandles) -> Reading:
        view = await self._views.view(joined.candles)
        conditions, evaluation = self._market.read(view)
        return Reading(
            view=view,
            index=len(view.candles) - 1,
            basis=joined.basis(evaluation.left_out),
            conditions=conditions,
            evaluation=evaluation,
        )

    async def view(self, candles: Candles) -> MarketView:
        return await self._views.view(candles)


def block_history(timeframe: Timeframe) -> int:
    """Number of candles that a block's first candle needs before it, for its decision and for its samples."""
    return WINDOW + candles_maturing(timeframe)
