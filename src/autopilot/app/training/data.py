"""The training data: fetched or stored candles, sentiment, and recorded samples."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autopilot.adapters.exchange.offline_markets.replay import ReplayExchange
from autopilot.adapters.exchange.offline_markets.simulated import SimulatedExchange
from autopilot.adapters.exchange.venues.opening import public_market
from autopilot.adapters.sentiment.offline import sentiment_over
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import Database
from autopilot.adapters.store.samples import SqliteSamples
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.app.data.joined import LentHistory, joined_candles
from autopilot.app.data.lacking import NeededHistory, ensure_history, require_candles
from autopilot.app.data.request import DownloadRequest
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import Candles
from autopilot.domain.errors import ExchangeError
from autopilot.domain.market import MarketKind, reference_of
from autopilot.domain.progress import Progress
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.market_data import CandleSource
from autopilot.training.data.history import candles_before
from autopilot.training.data.series import SymbolData
from autopilot.training.request import Stage, TrainingRequest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Reads stored candles; those of a real exchange that are not stored are downloaded. ``now_ms``: the wall clock."""

    config: AutopilotConfig
    database: Database
    now_ms: Callable[[], int]

    async def histories(self, request: TrainingRequest, progress: Progress) -> tuple[SymbolData, ...]:
        """The data of each symbol. Raises ExchangeError if a symbol has no candles at all, NotFound if candles are not
        stored and must not be downloaded, StoreError."""
        recorded = self._recorded(request)
        progress(Stage.SAMPLES, 1, 1, f"{len(recorded):,} recorded")
        if MarketKind.of(request.exchange) is MarketKind.REAL:
            await self._download(request, progress)
        market = self._market(request)
        wanted = dict.fromkeys([*request.symbols, *map(reference_of, request.symbols)])
        try:
            progress(Stage.CANDLES, 0, len(wanted))
            held: dict[str, LentHistory] = {}
            for number, symbol in enumerate(wanted, start=1):
                held[symbol] = await self._candles(market, symbol, request, is_needed=symbol in request.symbols)
                progress(Stage.CANDLES, number, len(wanted), f"{symbol}: {len(held[symbol].candles):,}")
            candles = {symbol: each.candles for symbol, each in held.items()}
            sentiment = await sentiment_over(market, SqliteSentiment(self.database), candles)
        finally:
            await market.close()
        return tuple(self._history(symbol, held, sentiment, recorded, request) for symbol in request.symbols)

    async def _download(self, request: TrainingRequest, progress: Progress) -> None:
        timeframe, now_ms = request.timeframe, self.now_ms()
        wanted = DownloadRequest(
            exchange=request.exchange,
            symbols=request.symbols,
            timeframes=(timeframe,),
            from_ms=timeframe.floor(now_ms) - _candles_of(request) * timeframe.ms,
            to_ms=now_ms,
            source=request.source,
        )
        needed = NeededHistory(wanted, log.info, log.warning, is_allowed=request.download)
        downloaded = await ensure_history(self.config, self.database, needed, progress, now_ms)
        if downloaded is not None:
            require_candles(downloaded, SqliteCandles(self.database))

    def _recorded(self, request: TrainingRequest) -> tuple[PerformanceSample, ...]:
        """None of a replay: they do not say whose candles were replayed, and the candles give the same outcomes."""
        if request.exchange == ReplayExchange.name:
            return ()
        return SqliteSamples(self.database).load_samples(request.exchange, request.timeframe, since_ms=0)

    def _history(
        self,
        symbol: str,
        held: Mapping[str, LentHistory],
        sentiment: SentimentSeries,
        recorded: tuple[PerformanceSample, ...],
        request: TrainingRequest,
    ) -> SymbolData:
        own, reference = held[symbol].candles, held[reference_of(symbol)].candles
        return SymbolData(
            symbol=symbol,
            candles=own,
            reference=reference if len(reference) else None,
            sentiment=sentiment,
            recorded=tuple(each for each in recorded if each.symbol == symbol),
            since_ms=own.last_at_ms - request.days * DAY_MS,
            lent=held[symbol].lent,
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
    ) -> LentHistory:
        wanted, store = _candles_of(request), SqliteCandles(self.database)
        try:
            if isinstance(market, SimulatedExchange):
                now_ms = market.clock.now_ms()
                return LentHistory(await market.history(symbol, request.timeframe, now_ms, wanted))
            if isinstance(market, ReplayExchange):
                # Later candles than the last decided one are the replay's future.
                until_ms, source = self._last_decided_ms(request), market.coverage(symbol, request.timeframe).exchange
                return LentHistory(
                    store.load_candles(source, symbol, request.timeframe, until_ms=until_ms, last=wanted)
                )
        except ExchangeError:
            if is_needed:
                raise
            return LentHistory(Candles.empty(request.timeframe))
        return joined_candles(store, market.name, request.source, symbol, request.timeframe, last=wanted)


def _candles_of(request: TrainingRequest) -> int:
    """How many candles of each symbol are wanted."""
    return request.days * request.timeframe.per_day + candles_before(request.timeframe) + 1
