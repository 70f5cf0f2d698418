"""Candles as columns: one array per field, closed candles only, with ascending and unique open times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.errors import CandleError
from autopilot.domain.timeframe import Timeframe, utc_text

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
Int8Array = NDArray[np.int8]
Int16Array = NDArray[np.int16]
AnyArray = NDArray[Any]


class FaultKind(StrEnum):
    """A fault of candles. The first five make a candle unusable; the user judges the others."""

    NOT_FINITE = "not finite"
    IMPOSSIBLE = "impossible bar"
    """A price of zero or less, a high below or a low above another price."""
    INEXACT = "inexact price"
    """Beyond the numbers that a float holds to eight digits: it would be another price."""
    NEGATIVE_VOLUME = "negative volume"
    OFF_GRID = "off grid"
    """Does not open where a candle of this timeframe can."""
    UNSORTED = "unsorted"
    DUPLICATE = "duplicate"
    GAP = "gap"
    NO_VOLUME = "no volume"
    """A long stretch without trade: an outage, or a file filled up with invented candles."""
    REPEATED = "repeated block"
    STAMPED_AT_CLOSE = "stamped at close"
    """The times are closing times: each candle would be read one candle early."""
    OTHER_MARKET = "another market"
    """The prices are not those that another exchange has for this symbol."""
    APART = "closes apart"
    """Beside another exchange. The user judges it: markets do differ for an hour."""


BREACHES = {
    FaultKind.NOT_FINITE: "a number that is missing or not finite",
    FaultKind.IMPOSSIBLE: "a price at or below zero, a high below or a low above another price",
    FaultKind.INEXACT: "a price that a 64-bit number does not hold exactly",
    FaultKind.NEGATIVE_VOLUME: "a negative volume",
    FaultKind.OFF_GRID: "an open time off the timeframe's grid",
}
"""The faults of unusable candles, in words."""


FIRST_INEXACT = 2.0**53
"""From here on a float does not hold every whole number."""
LEAST_EXACT = float(np.finfo(np.float64).smallest_normal)
"""Below it a float holds fewer digits the smaller it is."""


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
        """From rows of (open_at_ms, open, high, low, close, volume). Raises CandleError as `from_arrays`."""
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
        """Raises CandleError for the first candle that is unusable or out of order."""
        candles = cls(timeframe, open_at_ms, open, high, low, close, volume)
        for fault in candles.faults():
            raise CandleError(fault, hint="check the source of these candles: autopilot data verify")
        return candles

    @classmethod
    def empty(cls, timeframe: Timeframe) -> Candles:
        return cls(timeframe, np.empty(0, dtype=np.int64), *(np.empty(0) for _ in range(5)))

    def faults(self) -> list[str]:
        """The rules that these candles break, one sentence per candle and rule; empty if they are sound."""
        bars = (self.open, self.high, self.low, self.close, self.volume)
        masks = [(BREACHES[kind], mask) for kind, mask in unusable(self.open_at_ms, *bars, self.timeframe).items()]
        late = np.diff(self.open_at_ms, prepend=self.open_at_ms[:1] - 1) <= 0
        masks.append(("an open time that does not come after the previous one", late))
        return [
            f"candle {utc_text(int(self.open_at_ms[at]))} has {words}"
            for words, mask in masks
            for at in np.flatnonzero(mask)
        ]

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
        """These candles and then ``later``, which wins where both overlap: an exchange may revise a candle."""
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


def unusable(
    open_at_ms: IntArray,
    open: FloatArray,  # noqa: A002 - the field's own name
    high: FloatArray,
    low: FloatArray,
    close: FloatArray,
    volume: FloatArray,
    timeframe: Timeframe,
) -> dict[FaultKind, BoolArray]:
    """The candles with each fault that makes a candle unusable: bool[n] per fault. A candle counts under one fault."""
    prices = np.stack([open, high, low, close])
    with np.errstate(invalid="ignore"):
        checks: Mapping[FaultKind, BoolArray] = {
            FaultKind.NOT_FINITE: ~(np.isfinite(prices).all(axis=0) & np.isfinite(volume)),
            FaultKind.IMPOSSIBLE: (prices <= 0).any(axis=0)
            | (high < prices.max(axis=0, initial=-np.inf))
            | (low > prices.min(axis=0, initial=np.inf)),
            FaultKind.INEXACT: (prices.max(axis=0, initial=0.0) >= FIRST_INEXACT)
            | (prices.min(axis=0, initial=1.0) < LEAST_EXACT),
            FaultKind.NEGATIVE_VOLUME: volume < 0,
            FaultKind.OFF_GRID: open_at_ms % timeframe.ms != 0,
        }
    found: dict[FaultKind, BoolArray] = {}
    seen = np.zeros(len(open_at_ms), dtype=np.bool_)
    for kind, mask in checks.items():
        found[kind] = mask & ~seen
        seen |= mask
    return found
