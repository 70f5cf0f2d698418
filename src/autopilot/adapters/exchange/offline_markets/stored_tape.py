"""Stored candles, read forward in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from autopilot.adapters.exchange.offline_markets.session import Tape
from autopilot.domain.candles import Candles
from autopilot.domain.errors import MarketUnavailable, StoreError
from autopilot.ports.market_data import CandleStore, Coverage

BLOCK = 2048
"""Candles per read."""


class StoredTape(Tape):
    """The candles of one ``coverage`` that open before ``end_ms``. Raises MarketUnavailable if they cannot be read."""

    def __init__(self, store: CandleStore, coverage: Coverage, start_ms: int, end_ms: int | None = None) -> None:
        self._store = store
        self._coverage = coverage
        self._last_ms = coverage.last_at_ms if end_ms is None else min(coverage.last_at_ms, end_ms - 1)
        self._block = Candles.empty(coverage.timeframe)
        self._block_from_ms = self._block_to_ms = 0
        self.start_ms = start_ms

    def next_from(self, open_at_ms: int) -> int | None:
        at_ms = max(open_at_ms, self._coverage.first_at_ms)
        while at_ms <= self._last_ms:
            self._hold(at_ms)
            ahead = self._block.since(at_ms)
            if len(ahead):
                return int(ahead.open_at_ms[0])
            at_ms = self._block_to_ms
        return None

    def load(self, since_ms: int | None, until_ms: int, limit: int) -> Candles:
        until_ms = min(until_ms, self._last_ms)
        if since_ms is not None and self._block_from_ms <= since_ms and until_ms < self._block_to_ms:
            held = self._block.since(since_ms).until(until_ms)
            return held[max(0, len(held) - limit) :]
        return self._read(since_ms, until_ms, limit)

    def _hold(self, at_ms: int) -> None:
        """Load the block that covers ``at_ms``."""
        if not self._block_from_ms <= at_ms < self._block_to_ms:
            to_ms = min(at_ms + BLOCK * self._coverage.timeframe.ms, self._last_ms + 1)
            self._block = self._read(at_ms, to_ms - 1, None)
            self._block_from_ms, self._block_to_ms = at_ms, to_ms

    def _read(self, since_ms: int | None, until_ms: int, limit: int | None) -> Candles:
        market = self._coverage
        with readable(market.exchange, market.symbol):
            return self._store.load_candles(
                market.exchange, market.symbol, market.timeframe, since_ms=since_ms, until_ms=until_ms, last=limit
            )


@contextmanager
def readable(exchange: str, symbol: str) -> Iterator[None]:
    """Raises MarketUnavailable in place of StoreError: here the store is the market."""
    try:
        yield
    except StoreError as error:
        raise MarketUnavailable(
            f"the stored candles of {exchange} {symbol} cannot be read: {error}", hint=error.hint
        ) from error
