"""The training data: fetched or stored candles, sentiment, and recorded samples."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autopilot.adapters.exchange.offline_markets.replay import ReplayExchange
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.venues.opening import public_market
from autopilot.adapters.sentiment.offline import sentiment_over
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError, MarketUnavailable
from autopilot.domain.market import reference_of
from autopilot.domain.progress import Progress
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS, Timeframe, utc_text
from autopilot.ports.market_data import CandleSource, CandleStore
from autopilot.training.data.history import candles_before
from autopilot.training.data.series import SymbolData
from autopilot.training.request import Stage, TrainingRequest

LONGEST_OUTAGE = 100
"""Candles that may be missing between stored ones. More were never fetched: the daemon was down, or it stored one page
only, as a history for another exchange."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Reads stored candles; fetches missing ones from a real exchange and stores them. ``now_ms``: the wall clock."""

    config: AutopilotConfig
    database: Database
    now_ms: Callable[[], int]

    async def histories(self, request: TrainingRequest, progress: Progress) -> tuple[SymbolData, ...]:
        """The data of each symbol. Raises ExchangeError if a symbol has no candles at all, StoreError."""
        recorded = self._recorded(request)
        progress(Stage.SAMPLES, 1, 1, f"{len(recorded):,} recorded")
        market = self._market(request)
        wanted = dict.fromkeys([*request.symbols, *map(reference_of, request.symbols)])
        try:
            progress(Stage.CANDLES, 0, len(wanted))
            candles: dict[str, Candles] = {}
            for number, symbol in enumerate(wanted, start=1):
                candles[symbol] = await self._candles(market, symbol, request, is_needed=symbol in request.symbols)
                progress(Stage.CANDLES, number, len(wanted), f"{symbol}: {len(candles[symbol]):,}")
            sentiment = await sentiment_over(market, SqliteSentiment(self.database), candles)
        finally:
            await market.close()
        return tuple(self._history(symbol, candles, sentiment, recorded, request) for symbol in request.symbols)

    def _recorded(self, request: TrainingRequest) -> tuple[PerformanceSample, ...]:
        """None of a replay: they do not say whose candles were replayed, and the candles give the same outcomes."""
        if request.exchange == ReplayExchange.name:
            return ()
        return SqliteSamples(self.database).load_samples(request.exchange, request.timeframe, since_ms=0)

    def _history(
        self,
        symbol: str,
        candles: dict[str, Candles],
        sentiment: SentimentSeries,
        recorded: tuple[PerformanceSample, ...],
        request: TrainingRequest,
    ) -> SymbolData:
        own, reference = candles[symbol], candles[reference_of(symbol)]
        return SymbolData(
            symbol=symbol,
            candles=own,
            reference=reference if len(reference) else None,
            sentiment=sentiment,
            recorded=tuple(each for each in recorded if each.symbol == symbol),
            since_ms=own.last_at_ms - request.days * DAY_MS,
        )

    def _market(self, request: TrainingRequest) -> CandleSource:
        if request.exchange == SimulatedExchange.name:
            simulated = SimulatedExchange(self.config.simulated)
            reached_ms = self._last_decided_ms(request)
            resume_ms = None if reached_ms is None else reached_ms + request.timeframe.ms
            simulated.subscribe(request.symbols, request.timeframe, resume_ms)
            return simulated
        if request.exchange == ReplayExchange.name:
            return ReplayExchange(SqliteCandles(self.database), self.config.replay)
        return public_market(request.exchange)

    def _last_decided_ms(self, request: TrainingRequest) -> int | None:
        """The open time of the last candle decided on this exchange, which is the present of an offline market."""
        row = self.database.row(
            "SELECT max(candle_at_ms) FROM decisions WHERE exchange = ? AND timeframe = ?",
            (request.exchange, request.timeframe.value),
        )
        return None if row is None else row[0]

    async def _candles(
        self, market: CandleSource, symbol: str, request: TrainingRequest, *, is_needed: bool
    ) -> Candles:
        wanted = request.days * request.timeframe.per_day + candles_before(request.timeframe) + 1
        try:
            if isinstance(market, SimulatedExchange):
                return await market.history(symbol, request.timeframe, market.clock.now_ms(), wanted)
            store = SqliteCandles(self.database)
            if isinstance(market, ReplayExchange):
                # Later candles than the last decided one are the replay's future.
                until_ms, source = self._last_decided_ms(request), market.coverage(symbol, request.timeframe).exchange
                return store.load_candles(source, symbol, request.timeframe, until_ms=until_ms, last=wanted)
            return await fetch_missing(market, store, symbol, request.timeframe, wanted, self.now_ms())
        except ExchangeError:
            if is_needed:
                raise
            return Candles.empty(request.timeframe)


async def fetch_missing(
    market: CandleSource, store: CandleStore, symbol: str, timeframe: Timeframe, wanted: int, now_ms: int
) -> Candles:
    """The latest ``wanted`` closed candles. Missing ones are fetched and stored. If the exchange cannot be reached, the
    stored candles must do; raises ExchangeError if there are none."""
    last_ms = timeframe.floor(now_ms) - timeframe.ms
    first_ms = last_ms - (wanted - 1) * timeframe.ms
    stored = store.load_candles(market.name, symbol, timeframe, since_ms=first_ms)
    try:
        for until_ms, limit in _lacking(stored, first_ms, last_ms):
            store.save_candles(market.name, symbol, await market.history(symbol, timeframe, until_ms, limit))
    except ExchangeError as error:
        held = store.load_candles(market.name, symbol, timeframe, last=wanted)
        if not len(held):
            raise MarketUnavailable(f"there are no candles of {symbol}: {error}", hint=error.hint) from error
        log.warning("%s: training on stored candles up to %s: %s", symbol, utc_text(held.last_at_ms), error)
        return held
    return store.load_candles(market.name, symbol, timeframe, since_ms=first_ms)


def _lacking(stored: Candles, first_ms: int, last_ms: int) -> list[tuple[int, int]]:
    """(until, count) of the stretches before and after the stored candles, and of those between them that are longer
    than an outage."""
    step_ms = stored.timeframe.ms
    edges = np.concatenate([[first_ms - step_ms], stored.open_at_ms, [last_ms + step_ms]])
    counts = np.diff(edges) // step_ms - 1
    outages = np.full(len(counts), LONGEST_OUTAGE)
    outages[[0, -1]] = 0
    found = np.flatnonzero(counts > outages)
    return list(zip((edges[found + 1] - step_ms).tolist(), counts[found].tolist(), strict=True))
