"""When a recorded account did what: a live decision comes after the close, and prices between two closes count too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from autopilot.domain.candles import Candles, IntArray
from autopilot.domain.market import Quote


@dataclass(frozen=True, slots=True)
class RecordedMoments:
    """One symbol's. ``decided_at_ms``: by the candle's open time, when it was decided; ``prices``: by the candle's open
    time, the latest price at which an order was decided; ``triggers``: the prices between two closes that changed
    something, oldest first."""

    decided_at_ms: Mapping[int, int] = field(default_factory=dict)
    prices: Mapping[int, float] = field(default_factory=dict)
    triggers: tuple[Quote, ...] = ()

    def of(self, candles: Candles) -> IntArray:
        """int64[n], when each candle was decided, in ascending order: at its close, unless it is recorded otherwise."""
        open_at_ms = candles.open_at_ms
        moments = open_at_ms + candles.timeframe.ms
        for at_ms, decided_at_ms in self.decided_at_ms.items():
            index = int(np.searchsorted(open_at_ms, at_ms))
            if index < len(open_at_ms) and open_at_ms[index] == at_ms:
                moments[index] = max(decided_at_ms, int(moments[index]))
        return np.maximum.accumulate(moments)
