"""When the newest candle of an exchange is final, as far as its answers can show it."""

from __future__ import annotations

from typing import NamedTuple

from autopilot.adapters.exchange.candle_rows import Row
from autopilot.domain.timeframe import Timeframe
from autopilot.ports.clock import Clock

SETTLED_MS = 900
"""Two equal answers count if the second was requested this long after the first. Those who ask again do so after a
second, for which some exchanges answer from a cache."""


class _Seen(NamedTuple):
    row: Row
    at_ms: int


class Settling:
    """Remembers the newest closed candle of each series. At its close an exchange may still lack its last trades.

    A candle is settled when a later one exists, or when two answers after its close agree. ``steady``: a clock that
    nobody can set.
    """

    def __init__(self, steady: Clock) -> None:
        self._steady = steady
        self._seen: dict[tuple[str, Timeframe], _Seen] = {}

    def is_settled(self, symbol: str, timeframe: Timeframe, row: Row, sent_ms: int) -> bool:
        """Whether the newest candle of an answer is settled, which is closed by the exchange's clock. ``sent_ms``: when
        the request was sent, by the steady clock."""
        seen = self._seen.get((symbol, timeframe))
        if seen is None or seen.row != row:
            self._seen[symbol, timeframe] = _Seen(row, self._steady.now_ms())
            return False
        return sent_ms - seen.at_ms >= SETTLED_MS
