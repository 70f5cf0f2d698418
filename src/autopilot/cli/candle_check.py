"""What is wrong with stored candles: gaps between them, and candles that no market can have produced. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autopilot.domain.candles import Candles


@dataclass(frozen=True, slots=True)
class Gap:
    """``missing`` candles between two that are there; both times are open times of missing ones."""

    first_at_ms: int
    last_at_ms: int
    missing: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """``faults`` in words, one a bad candle and reason."""

    gaps: tuple[Gap, ...]
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return not self.gaps and not self.faults

    @property
    def missing(self) -> int:
        return sum(gap.missing for gap in self.gaps)


def check(candles: Candles) -> Verdict:
    """Candles in the order of their times, as they are stored."""
    step = candles.timeframe.ms
    at = candles.open_at_ms
    found = [
        Gap(int(at[index]) + step, int(at[index + 1]) - step, int((at[index + 1] - at[index]) // step) - 1)
        for index in np.flatnonzero(np.diff(at) >= 2 * step)
    ]
    return Verdict(tuple(found), tuple(candles.faults()))
