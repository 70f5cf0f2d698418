"""Reading the candles of an offline market a block ahead, in one evaluation.

An entry of the analysis depends on its own candle and those before it, so the candles to come change none: a reading
equals that of the candle's own window to 1e-9. The blocks stand on a fixed grid of candles. So after a restart, in the
middle of a block too, every number is the same to the last digit.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from autopilot.analysis.market_analyzer import WINDOW, MarketAnalyzer, SeriesConditions
from autopilot.analysis.view import MarketView, forget_arrays, market_view
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import reference_of
from autopilot.domain.sentiment import LOOKBACK_MS
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.market_window import JoinedCandles
from autopilot.engine.reading import BLOCK, PAUSE_S, CandleReader, Reading, block_history
from autopilot.ports.market_data import KnownMarket
from autopilot.ports.sentiment import SentimentSource
from autopilot.strategies.registry import SeriesEvaluation, StrategySet, builtin_strategies


@dataclass(frozen=True, slots=True)
class _Block:
    """The candles of one block, with those before it that its first one needs."""

    number: int
    view: MarketView
    conditions: SeriesConditions
    evaluation: SeriesEvaluation


class BlockReader(CandleReader):
    """Reads ``symbol`` on ``market``. ``single`` reads candles with a short history, and those of a block in which a
    strategy failed, because another candle may be the reason. ``turn`` is held during an evaluation, so that symbols
    that begin together leave time for others in between."""

    def __init__(
        self,
        symbol: str,
        market: KnownMarket,
        sentiment: SentimentSource,
        analyzer: MarketAnalyzer,
        strategies: StrategySet,
        single: CandleReader,
        turn: asyncio.Lock,
    ) -> None:
        self._symbol = symbol
        self._market = market
        self._sentiment = sentiment
        self._analyzer = analyzer
        self._strategies = strategies
        self._single = single
        self._turn = turn
        self._block: _Block | None = None

    async def read(self, joined: JoinedCandles) -> Reading:
        candles = joined.candles
        if len(candles) < WINDOW:
            return await self._single.read(joined)
        block = await self._block_of(candles)
        index = int(block.view.candles.open_at_ms.searchsorted(candles.last_at_ms))
        if index < WINDOW - 1 or block.evaluation.errors or not _holds(block.view.candles, index, candles):
            return await self._single.read(joined)
        evaluation = block.evaluation.at(index)
        basis = joined.basis(evaluation.left_out)
        return Reading(block.view, index, basis, block.conditions.at(index), evaluation)

    async def view(self, candles: Candles) -> MarketView:
        return await self._single.view(candles)

    async def _block_of(self, candles: Candles) -> _Block:
        timeframe = candles.timeframe
        number = candles.last_at_ms // timeframe.ms // BLOCK
        if self._block is None or self._block.number != number:
            async with self._turn:
                view = await self._view_of(number, timeframe)
                conditions = self._analyzer.analyze_series(view)
                await asyncio.sleep(PAUSE_S)
                self._block = _Block(number, view, conditions, self._strategies.evaluate_series(view))
                forget_arrays(view)
                await asyncio.sleep(PAUSE_S)
        return self._block

    async def _view_of(self, number: int, timeframe: Timeframe) -> MarketView:
        begin_ms, end_ms = (edge * BLOCK * timeframe.ms for edge in (number, number + 1))
        own = self._market.known(self._symbol, timeframe, end_ms - 1, BLOCK).since(begin_ms)
        earlier = self._market.known(self._symbol, timeframe, begin_ms - 1, block_history(timeframe))
        candles = earlier.followed_by(own)
        first_ms = int(candles.open_at_ms[0])
        try:
            length = (end_ms - first_ms) // timeframe.ms
            reference = self._market.known(reference_of(self._symbol), timeframe, end_ms - 1, length)
        except ExchangeError:
            reference = Candles.empty(timeframe)
        sentiment = await self._sentiment.series(self._symbol, first_ms - LOOKBACK_MS, end_ms)
        return market_view(self._symbol, candles, reference if len(reference) else None, sentiment)


def can_read_blocks(strategies: StrategySet) -> bool:
    """Whether all of these are known to depend on no later candle. A user's own are asked candle by candle, so that no
    mistake of theirs can look ahead."""
    builtin = {type(each) for each in builtin_strategies()}
    return all(type(each) in builtin for each in strategies)


def _holds(candles: Candles, index: int, window: Candles) -> bool:
    """Whether candle ``index`` is the last one of ``window``."""
    return index < len(candles) and candles.candle(index) == window.candle(len(window) - 1)
