"""Samples of one symbol, stored when they mature."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import numpy as np

from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import BoolArray
from autopilot.domain.errors import AutopilotError
from autopilot.engine.market_window import JoinedCandles, MarketWindow
from autopilot.engine.reading import BLOCK, PAUSE_S, CandleReader, Reading, block_history
from autopilot.performance.performance_tracker import RECENT_DAYS, PerformanceTracker
from autopilot.strategies.registry import StrategySet

LONG = 4 * BLOCK
"""More candles than these take so long that no start waits for them."""


class Maturing:
    """Long work holds ``turn``, so that one symbol after the other does it, a little at a time; ``begun`` is set before
    it. ``is_stopping``: long work ends, and the next cycle goes on with it. Methods raise AutopilotError then, else
    ExchangeError, StoreError."""

    def __init__(
        self,
        symbol: str,
        tracker: PerformanceTracker,
        strategies: StrategySet,
        window: MarketWindow,
        reader: CandleReader,
        turn: asyncio.Lock,
        begun: asyncio.Event,
    ) -> None:
        self._symbol = symbol
        self._tracker = tracker
        self._strategies = strategies
        self._window = window
        self._reader = reader
        self._turn = turn
        self._begun = begun
        self.is_stopping = False
        self._lacking: tuple[MarketView, Mapping[str, BoolArray]] | None = None

    async def observe(self, reading: Reading, joined: JoinedCandles, *, is_first: bool) -> None:
        """Store the samples that have matured at this candle, once our own candles make a whole window. At the start
        and after a pause this needs more candles than a decision does. ``is_first``: no candle was decided yet."""
        if self._tracker.is_loading:
            self._announce(self._window.timeframe.per_day * RECENT_DAYS)
        while self._tracker.is_loading:
            # Each symbol waits for this. Between two steps the others read their first block.
            async with self._turn:
                self._tracker.load_more()
                await self._pause()
        if len(joined.candles) - joined.joined < WINDOW:
            return
        due = self._tracker.candles_due(self._symbol, reading.open_at_ms, is_first=is_first)
        if due > reading.index + 1:
            self._announce(due)
            async with self._turn:
                await self._catch_up(reading.open_at_ms, due)
        elif due:
            view, arrays = reading.view, reading.evaluation.arrays
            self._tracker.observe(self._symbol, view, arrays, self._lacking_in(view), reading.index)

    def _announce(self, candles: int) -> None:
        """Nobody waits for work on so many candles."""
        if candles > LONG:
            self._begun.set()

    def _lacking_in(self, view: MarketView) -> Mapping[str, BoolArray]:
        """`StrategySet.lacking`, once for each view: that of a block serves many candles."""
        if self._lacking is None or self._lacking[0] is not view:
            self._lacking = view, self._strategies.lacking(view)
        return self._lacking[1]

    async def _catch_up(self, open_at_ms: int, due: int) -> None:
        """Mature block by block on the grid of `BLOCK`, so that others can run in between."""
        await self._pause()
        before = block_history(self._window.timeframe)
        candles = await self._window.past(open_at_ms, due + before)
        due_ms = self._tracker.due_since_ms(self._symbol, candles[-due:])
        if due_ms is None:
            return
        whole = await self._reader.view(candles)
        numbers = candles.open_at_ms // candles.timeframe.ms // BLOCK
        ends = [*(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(candles)]
        for begin, end in zip([0, *ends], ends, strict=False):
            if int(candles.open_at_ms[end - 1]) <= due_ms:
                continue
            part = whole.between(max(0, begin - before), end)
            arrays = self._strategies.evaluate_series(part).arrays
            await self._pause()
            lacking, last = self._strategies.lacking(part), len(part.candles) - 1
            samples = self._tracker.matured(self._symbol, part, arrays, lacking, last, due_ms)
            await self._pause()
            self._tracker.keep(self._symbol, samples)
            await self._pause()

    async def _pause(self) -> None:
        if self.is_stopping:
            raise AutopilotError(
                f"{self._symbol}: stopped while it catches up", hint="start it again; it goes on there"
            )
        await asyncio.sleep(PAUSE_S)
