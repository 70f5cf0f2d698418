"""Candles as columns: one array a field, ascending and unique in open time, closed candles only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe, iso_utc

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Candle(NamedTuple):
    """One candle. ``open_at_ms`` is the time it opened; prices in quote currency, volume in base currency."""

    open_at_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float


@dataclass(frozen=True, slots=True, eq=False)
class Candles:
    """``n`` closed candles of one symbol: ``open_at_ms`` int64[n], the rest float64[n].

    Build with `from_rows` or `from_arrays`, which check; the plain constructor is for slices of checked data.
    """

    timeframe: Timeframe
    open_at_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @classmethod
    def from_rows(cls, timeframe: Timeframe, rows: Iterable[Sequence[float]]) -> Candles:
        """Rows of (open_at_ms, open, high, low, close, volume). Raises CandleError on the first bad candle."""
        table = np.array([tuple(row) for row in rows], dtype=np.float64).reshape(-1, 6)
        return cls.from_arrays(timeframe, table[:, 0].astype(np.int64), *np.ascontiguousarray(table[:, 1:].T))

    @classmethod
    def from_arrays(
        cls,
        timeframe: Timeframe,
        open_at_ms: IntArray,
        open: FloatArray,  # noqa: A002 - the field's own name
        high: FloatArray,
        low: FloatArray,
        close: FloatArray,
        volume: FloatArray,
    ) -> Candles:
        """Raises CandleError on the first candle that no market can have produced."""
        candles = cls(timeframe, open_at_ms, open, high, low, close, volume)
        for fault in candles.faults():
            raise CandleError(fault, hint="check the source of these candles: autopilot data verify")
        return candles

    @classmethod
    def empty(cls, timeframe: Timeframe) -> Candles:
        return cls(timeframe, np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(5)))

    def faults(self) -> list[str]:
        """What is wrong with these candles, in words; empty when they are sound."""
        found: list[str] = []
        with np.errstate(invalid="ignore"):
            prices = np.stack([self.open, self.high, self.low, self.close])
            checks = [
                ("is not a finite number above zero", ~(np.isfinite(prices) & (prices > 0)).all(axis=0)),
                (
                    "has a volume that is negative or not finite",
                    ~(np.isfinite(self.volume) & (self.volume >= 0)),
                ),
                ("has its high below another price", self.high < prices.max(axis=0)),
                ("has its low above another price", self.low > prices.min(axis=0)),
                ("does not open on the timeframe's grid", self.open_at_ms % self.timeframe.ms != 0),
                (
                    "does not come after the one before it",
                    np.concatenate([[False], np.diff(self.open_at_ms) <= 0]) if len(self) else np.empty(0, bool),
                ),
            ]
        for words, bad in checks:
            found += [f"candle {iso_utc(int(self.open_at_ms[i]))} {words}" for i in np.flatnonzero(bad)]
        return found

    def __len__(self) -> int:
        return len(self.open_at_ms)

    def __getitem__(self, window: slice) -> Candles:
        return Candles(
            self.timeframe,
            self.open_at_ms[window],
            self.open[window],
            self.high[window],
            self.low[window],
            self.close[window],
            self.volume[window],
        )

    def candle(self, index: int) -> Candle:
        return Candle(
            int(self.open_at_ms[index]),
            float(self.open[index]),
            float(self.high[index]),
            float(self.low[index]),
            float(self.close[index]),
            float(self.volume[index]),
        )

    @property
    def last_at_ms(self) -> int:
        """Open time of the last candle. Raises CandleError when empty."""
        if not len(self):
            raise CandleError("there are no candles", hint="wait for the first fetch, or import some")
        return int(self.open_at_ms[-1])

    def since(self, open_at_ms: int) -> Candles:
        """Those that open at or after ``open_at_ms``."""
        return self[int(np.searchsorted(self.open_at_ms, open_at_ms)) :]

    def until(self, open_at_ms: int) -> Candles:
        """Those that open at or before ``open_at_ms``."""
        return self[: int(np.searchsorted(self.open_at_ms, open_at_ms, side="right"))]

    def followed_by(self, later: Candles) -> Candles:
        """These and the newer ones of ``later``; of an overlap, ``later`` wins (an exchange may revise)."""
        if not len(later):
            return self
        kept = self[: int(np.searchsorted(self.open_at_ms, later.open_at_ms[0]))]
        return Candles(
            self.timeframe,
            *(
                np.concatenate([getattr(kept, name), getattr(later, name)])
                for name in ("open_at_ms", "open", "high", "low", "close", "volume")
            ),
        )
