"""The request for a download, and the series that it wants."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from autopilot.app.data.plan import Missing, WantedSeries
from autopilot.domain.coverage import TimeSpan
from autopilot.domain.market import reference_of
from autopilot.domain.timeframe import Timeframe
from autopilot.engine.lent_candles import LONGEST_SEAM


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRequest:
    """The candles from that of ``from_ms`` to the last one that closes by ``to_ms``, of each symbol and its reference.
    ``source``: another exchange, for the part of it that ``exchange`` does not give; ``from_trades``: candles may be
    made from trades."""

    exchange: str
    symbols: tuple[str, ...]
    timeframes: tuple[Timeframe, ...]
    from_ms: int
    to_ms: int
    source: str | None = None
    from_trades: bool = False

    @property
    def exchanges(self) -> tuple[str, ...]:
        """Those that may be asked."""
        return (self.exchange,) if self.source in (None, self.exchange) else (self.exchange, str(self.source))

    def wanted(self) -> tuple[WantedSeries, ...]:
        """The series on the exchange itself. Empty if no candle opens and closes in the period."""
        references = sorted({reference_of(each) for each in self.symbols} - set(self.symbols))
        return tuple(
            WantedSeries(self.exchange, symbol, timeframe, span, is_reference=symbol in references)
            for timeframe in self.timeframes
            for symbol in (*self.symbols, *references)
            for span in _closed(self.from_ms, self.to_ms, timeframe)
        )


def lent_series(source: str, wanted: WantedSeries, rest: Sequence[Missing]) -> WantedSeries:
    """The candles of ``source`` for what is missing of ``wanted``, and some more so that both adjoin."""
    seam_ms = LONGEST_SEAM * wanted.timeframe.ms
    from_ms = min(each.span.from_ms for each in rest)
    to_ms = min(max(each.span.to_ms for each in rest) + seam_ms, wanted.span.to_ms)
    return WantedSeries(source, wanted.symbol, wanted.timeframe, TimeSpan(from_ms, to_ms), wanted.is_reference)


def _closed(from_ms: int, to_ms: int, timeframe: Timeframe) -> Iterator[TimeSpan]:
    begin, end = max(timeframe.floor(from_ms), 0), timeframe.floor(to_ms)
    if begin < end:
        yield TimeSpan(begin, end)
