"""The candles that a backtest needs of a real exchange."""

from __future__ import annotations

from autopilot.app.backtest.request import BacktestRequest
from autopilot.app.data.request import DownloadRequest
from autopilot.domain.market import MarketKind
from autopilot.domain.timeframe import DAY_MS
from autopilot.ports.market_data import CandleStore


def needed_downloads(
    request: BacktestRequest, store: CandleStore, history: int, usual_days: int, now_ms: int
) -> tuple[DownloadRequest, ...]:
    """The candles of the period with ``history`` candles before it, and the finer ones of ``detail``; none for a market
    that is not real. Without an end, the period ends with the last stored candle, or now. Without a begin it begins
    with the first stored candle, or ``usual_days`` ago. Raises StoreError."""
    if MarketKind.of(request.exchange) is not MarketKind.REAL:
        return ()
    period, timeframe = request.period, request.timeframe
    stored = [
        each
        for each in store.coverage()
        if each.exchange == request.exchange and each.timeframe is timeframe and each.symbol in request.symbols
    ]
    is_stored = len(stored) == len(request.symbols)
    to_ms = max(each.last_at_ms for each in stored) + timeframe.ms if is_stored else now_ms
    to_ms = min(to_ms if period.to_ms is None else period.to_ms, now_ms)
    from_ms = period.from_ms
    if from_ms is None and (period.days is not None or not is_stored):
        from_ms = to_ms - (period.days or usual_days) * DAY_MS
    if from_ms is None or from_ms >= to_ms:
        return ()
    spans = [(timeframe, from_ms - history * timeframe.ms)]
    if request.detail is not None and request.detail.ms < timeframe.ms:
        spans.append((request.detail, from_ms))
    return tuple(
        DownloadRequest(
            exchange=request.exchange,
            symbols=request.symbols,
            timeframes=(each,),
            from_ms=begin_ms,
            to_ms=to_ms,
            source=request.source if each is timeframe else None,
        )
        for each, begin_ms in spans
    )
