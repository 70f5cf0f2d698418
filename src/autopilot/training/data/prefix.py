"""Proof that no row knows the future: cut the future off, and nothing may change."""

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
TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Prefix:
    """``rows`` samples were computed again from the 1,000 candles that a live cycle looks at, and no later one: the
    largest difference of a feature, how many signals differ, and whether a feature planted to peek was caught."""

    rows: int
    largest: float
    signals: int
    caught: bool

    @property
    def passed(self) -> bool:
        return self.largest <= TOLERANCE and self.signals == 0 and self.caught


def prefix_differences(
    history: SymbolData,
    strategies: StrategySet,
    probes: IntArray,
    market: FloatArray,
    arrays: Mapping[str, SignalArrays],
) -> Prefix:
    """``market`` float64[n, k] and ``arrays`` are what the whole series gave; ``probes`` the candles to prove it at."""
    largest, signals, caught = 0.0, 0, not len(probes)
    planted = _next_return(history.candles)
    for at in probes.tolist():
        view = view_between(history, at - WINDOW + 1, at + 1)
        row = feature_row(view, view.regimes).values
        largest = max(largest, float(np.abs(row - market[at]).max()))
        evaluation = strategies.evaluate(view)
        signals += sum(bool(evaluation.arrays[name].side[-1] != one.side[at]) for name, one in arrays.items())
        caught = caught or abs(float(_next_return(view.candles)[-1] - planted[at])) > TOLERANCE
    return Prefix(len(probes), largest, signals, caught)


def _next_return(candles: Candles) -> FloatArray:
    """A feature that peeks, float64[n]: a check that does not catch it proves nothing."""
    close = candles.close
    return np.append(close[1:] / close[:-1] - 1.0, 0.0)


def view_between(history: SymbolData, begin: int, end: int) -> MarketView:
    """The view of candles ``begin`` to ``end`` (exclusive), as it was known at the last one's close."""
    candles = history.candles[begin:end]
    reference = None if history.reference is None else history.reference.until(candles.last_at_ms)
    return market_view(history.symbol, candles, reference, history.sentiment)
