"""A CandleStore in a dictionary."""

from __future__ import annotations

from autopilot.domain.candles import Candles
from autopilot.domain.coverage import Way
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.market_data import Coverage


class MemoryCandles:
    """Candles by market and opening time."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str, Timeframe], dict[int, tuple[float, ...]]] = {}

    def save_candles(self, exchange: str, symbol: str, candles: Candles, way: Way = Way.LIVE) -> int:
        known = self.kept.setdefault((exchange, symbol, candles.timeframe), {})
        rows = [tuple(candles.candle(index)) for index in range(len(candles))]
        changed = sum(known.get(int(row[0])) != row[1:] for row in rows)
        known.update({int(row[0]): row[1:] for row in rows})
        return changed

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
        known = self.kept.get((exchange, symbol, timeframe), {})
        rows = [(at_ms, *known[at_ms]) for at_ms in sorted(known) if (since_ms or 0) <= at_ms <= (until_ms or 2**62)]
        return Candles.from_rows(timeframe, rows[-last:] if last else rows)

    def coverage(self) -> tuple[Coverage, ...]:
        raise NotImplementedError
