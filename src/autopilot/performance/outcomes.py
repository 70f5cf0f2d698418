"""What following one strategy alone would have earned after each candle (counterfactual returns)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import Timeframe

HORIZON_HOURS = 24


def horizon(timeframe: Timeframe) -> int:
    """The look-ahead of a sample in candles: 24 hours, at least one candle."""
    return max(1, timeframe.per_day * HORIZON_HOURS // 24)


@dataclass(frozen=True, slots=True)
class TradingCost:
    """What one side of a trade loses, as a fraction of its value: taker fee and slippage together."""

    fraction: float


def counterfactual_returns(
    candles: Candles, signals: SignalArrays, starts: IntArray, steps: int, cost: TradingCost
) -> FloatArray:
    """Net return over ``steps`` candles after each start index, flat before and after: float64[len(starts)].

    A signal at a close acts at the next open. Inside a candle the stop is met before the target (the worse side
    when both are touched); a gap beyond either trades at the open. What is still held leaves at the last close.
    Every start needs ``start + steps < len(candles)``.
    """
    wealth = np.ones(len(starts))
    entry = np.full(len(starts), np.nan)
    stop = np.zeros(len(starts))
    target = np.full(len(starts), np.inf)
    for step in range(steps):
        decided = starts + step
        if not (np.isfinite(entry).any() or (signals.side[decided] == 1).any()):
            continue
        traded = decided + 1
        opened, high, low = candles.open[traded], candles.high[traded], candles.low[traded]
        side = signals.side[decided]
        _leave(wealth, entry, np.isfinite(entry) & (side == -1), opened, cost)
        enters = ~np.isfinite(entry) & (side == 1)
        entry = np.where(enters, opened * (1 + cost.fraction), entry)
        close = candles.close[decided]
        stop = np.where(enters, close * (1 - signals.stop_distance[decided]), stop)
        target = np.where(enters, close * (1 + signals.target_distance[decided]), target)
        _leave(wealth, entry, np.isfinite(entry) & (low <= stop), np.minimum(opened, stop), cost)
        _leave(wealth, entry, np.isfinite(entry) & (high >= target), np.maximum(opened, target), cost)
    _leave(wealth, entry, np.isfinite(entry), candles.close[starts + steps], cost)
    return wealth - 1


def _leave(
    wealth: FloatArray, entry: FloatArray, leaves: NDArray[np.bool_], price: FloatArray, cost: TradingCost
) -> None:
    wealth[leaves] *= price[leaves] * (1 - cost.fraction) / entry[leaves]
    entry[leaves] = np.nan
