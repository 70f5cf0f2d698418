"""The exchange `replay`: stored candles as a market, at any speed."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from autopilot.adapters.exchange.faults import FaultPlan
from autopilot.adapters.offline.exchange import parse_moment
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketUnavailable, UnknownSymbol
from autopilot.domain.timeframe import Timeframe, iso_utc
from autopilot.ports.market_data import CandleStore

OFFLINE = ("replay", "simulated")
"""Exchanges that are not there; their candles are never replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """``source``: the exchange whose stored candles are replayed, needed when several have the symbol. ``start`` and
    ``end``: moments in ISO 8601; by default everything after the first analysis window. ``speed``: market seconds in a
    wall second, 0 for as fast as the cycles go."""

    source: str | None = None
    start: str | None = None
    end: str | None = None
    speed: float = 3600.0
    faults: FaultPlan = field(default_factory=FaultPlan)


class StoredCandles:
    """What is stored of each symbol, read once and kept in memory."""

    def __init__(self, store: CandleStore, settings: ReplaySettings) -> None:
        self._store = store
        self._source = settings.source
        self._start_ms = parse_moment(settings.start) if settings.start else None
        self._end_ms = parse_moment(settings.end) if settings.end else None
        self._loaded: dict[tuple[str, Timeframe], Candles] = {}

    def typical_price(self, symbol: str) -> float:
        """The median close of what is stored at any timeframe."""
        held = self._holdings(symbol)
        timeframe = held[0][1]
        return float(np.median(self._all(symbol, timeframe).close))

    def first_open_ms(self, symbol: str, timeframe: Timeframe) -> int:
        """Raises MarketUnavailable when less than an analysis window lies before it."""
        candles = self._all(symbol, timeframe)
        wanted = int(candles.open_at_ms[0]) if self._start_ms is None else self._start_ms
        index = max(int(np.searchsorted(candles.open_at_ms, wanted)), WINDOW - 1)
        if index >= len(candles):
            raise MarketUnavailable(
                f"{symbol} {timeframe}: {len(candles)} candles are stored up to {iso_utc(candles.last_at_ms)};"
                f" a replay needs {WINDOW} before its start",
                hint="import a longer history, or set an earlier replay.start",
            )
        return int(candles.open_at_ms[index])

    def next_open_ms(self, symbol: str, timeframe: Timeframe, after_ms: int) -> int | None:
        at_ms = self._all(symbol, timeframe).open_at_ms
        index = int(np.searchsorted(at_ms, after_ms, side="right"))
        return int(at_ms[index]) if index < len(at_ms) else None

    def upto(self, symbol: str, timeframe: Timeframe, open_at_ms: int, limit: int) -> Candles:
        return self._all(symbol, timeframe).until(open_at_ms)[-limit:]

    def _all(self, symbol: str, timeframe: Timeframe) -> Candles:
        key = (symbol, timeframe)
        if key not in self._loaded:
            exchange = self._exchange(symbol, timeframe)
            until_ms = None if self._end_ms is None else self._end_ms - timeframe.ms
            self._loaded[key] = self._store.load_candles(exchange, symbol, timeframe, until_ms=until_ms)
        return self._loaded[key]

    def _exchange(self, symbol: str, timeframe: Timeframe) -> str:
        held = self._holdings(symbol)
        exchanges = [exchange for exchange, stored in held if stored is timeframe]
        if not exchanges:
            stored = ", ".join(sorted({str(stored) for _, stored in held}))
            raise UnknownSymbol(
                f"no {timeframe} candles of {symbol} are stored, only {stored}",
                hint=f"start it with --timeframe {held[0][1]}, or import others: autopilot data import FILE",
            )
        if len(exchanges) > 1:
            raise UnknownSymbol(
                f"candles of {symbol} are stored from {', '.join(exchanges)}",
                hint=f"say which: autopilot config set replay.source {exchanges[0]}",
            )
        return exchanges[0]

    def _holdings(self, symbol: str) -> list[tuple[str, Timeframe]]:
        held = [
            (coverage.exchange, coverage.timeframe)
            for coverage in self._store.coverage()
            if coverage.symbol == symbol
            and coverage.exchange not in OFFLINE
            and self._source in (None, coverage.exchange)
        ]
        if not held:
            whose = f" from {self._source}" if self._source else ""
            raise UnknownSymbol(
                f"no candles of {symbol}{whose} are stored", hint="autopilot data import FILE; autopilot data list"
            )
        return held
