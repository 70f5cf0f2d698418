"""Proof that no row knows the future: without the later candles, its values stay the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autopilot.analysis.features import feature_row
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays
from autopilot.strategies.registry import StrategySet

if TYPE_CHECKING:
    from autopilot.training.data.series import SymbolData

FEATURE_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Prefix:
    """``rows`` samples were computed again from the 1,000 candles that a live cycle uses. ``largest`` difference of a
    feature, number of ``signals`` that differ, and whether a planted feature that knows the future was ``caught``."""

    rows: int
    largest: float
    signals: int
    caught: bool

    @property
    def passed(self) -> bool:
        return self.largest <= FEATURE_TOLERANCE and self.signals == 0 and self.caught


def prefix_differences(
    history: SymbolData,
    strategies: StrategySet,
    probes: IntArray,
    market: FloatArray,
    arrays: Mapping[str, SignalArrays],
) -> Prefix:
    """Compare with ``market`` float64[n, k] and ``arrays``, which the whole series gave, at the candles ``probes``."""
    largest, signals, caught = 0.0, 0, not len(probes)
    planted = _next_return(history.candles)
    for at in probes.tolist():
        view = view_between(history, at - WINDOW + 1, at + 1)
        row = feature_row(view.at(-1)).values
        largest = max(largest, float(np.abs(row - market[at]).max()))
        evaluation = strategies.evaluate(view)
        signals += sum(bool(evaluation.arrays[name].side[-1] != one.side[at]) for name, one in arrays.items())
        caught = caught or abs(float(_next_return(view.candles)[-1] - planted[at])) > FEATURE_TOLERANCE
    return Prefix(len(probes), largest, signals, caught)


def _next_return(candles: Candles) -> FloatArray:
    """A planted feature that knows the future: the return of the next candle, float64[n]. A check that does not catch
    it proves nothing."""
    close = candles.close
    return np.append(close[1:] / close[:-1] - 1.0, 0.0)


def view_between(history: SymbolData, begin: int, end: int) -> MarketView:
    """The view of candles ``begin`` to ``end`` (exclusive), as it was known at the last one's close."""
    candles = history.candles[begin:end]
    reference = None if history.reference is None else history.reference.until(candles.last_at_ms)
    return market_view(history.symbol, candles, reference, history.sentiment)
