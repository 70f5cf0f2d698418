"""Proof that no row knows the future: without the later candles, its values stay the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autopilot.analysis.features import feature_row
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.view import REFERENCE_LIFE, MarketView, market_view
from autopilot.domain.candles import Candles, FloatArray, Int8Array, IntArray
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
    history: SymbolData, strategies: StrategySet, probes: IntArray, market: FloatArray, sides: Int8Array
) -> Prefix:
    """Compare with the features ``market`` float64[p, k] and the ``sides`` int8[s, p] that the whole series gave at the
    p candles ``probes``."""
    largest, signals, caught = 0.0, 0, not len(probes)
    planted = _next_return(history.candles)
    for number, at in enumerate(probes.tolist()):
        view = view_between(history, at - WINDOW + 1, at + 1)
        row = feature_row(view.at(-1)).values
        largest = max(largest, float(np.abs(row - market[number]).max()))
        seen = np.array([arrays.side[-1] for arrays in strategies.evaluate(view).arrays.values()])
        signals += int((seen != sides[:, number]).sum())
        caught = caught or abs(float(_next_return(view.candles)[-1] - planted[at])) > FEATURE_TOLERANCE
    return Prefix(len(probes), largest, signals, caught)


def _next_return(candles: Candles) -> FloatArray:
    """A planted feature that knows the future: the return of the next candle, float64[n]. A check that does not catch
    it proves nothing."""
    close = candles.close
    return np.append(close[1:] / close[:-1] - 1.0, 0.0)


def view_between(history: SymbolData, begin: int, end: int) -> MarketView:
    """The view of candles ``begin`` to ``end`` (exclusive), as it was known at the last one's close."""
    candles, reference = history.candles[begin:end], history.reference
    if reference is not None:
        life_ms = REFERENCE_LIFE * candles.timeframe.ms + reference.timeframe.ms
        reference = reference.since(int(candles.open_at_ms[0]) - life_ms).until(candles.last_at_ms)
    return market_view(history.symbol, candles, reference, history.sentiment)
