"""What following one strategy alone would have earned after each candle (counterfactual returns)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import Timeframe

HORIZON_HOURS = 24

Flags = NDArray[np.bool_]


def horizon(timeframe: Timeframe) -> int:
    """The look-ahead of a sample in candles: 24 hours, at least one candle."""
    return max(1, timeframe.per_day * HORIZON_HOURS // 24)


@dataclass(frozen=True, slots=True)
class TradingCost:
    """What one side of a trade loses, as a fraction of its value: taker fee and slippage together."""

    fraction: float


class Outcomes(NamedTuple):
    """Of each strategy after each start: ``returns`` float64[s, m], net, as fractions; ``held`` bool[s, m]: something
    was still held at the end."""

    returns: FloatArray
    held: Flags


def counterfactual_outcomes(
    candles: Candles, signals: Sequence[SignalArrays], starts: IntArray, steps: int, cost: TradingCost
) -> Outcomes:
    """What each strategy alone would have earned over ``steps`` candles after each start index, flat before and after;
    an entry a strategy and a start. ``starts`` ascend.

    A signal at a close acts at the next open. Inside a candle the stop is met before the target (the worse side
    when both are touched); a gap beyond either trades at the open. What is still held leaves at the last close.
    Every start needs ``start + steps < len(candles)``.
    """
    first, end = int(starts[0]), int(starts[-1]) + steps
    side = np.stack([each.side[first:end] for each in signals])
    stops = np.stack([each.stop_distance[first:end] for each in signals])
    targets = np.stack([each.target_distance[first:end] for each in signals])
    shape = (len(signals), len(starts))
    wealth, entry, held = np.ones(shape), np.ones(shape), np.zeros(shape, dtype=np.bool_)
    stop, target = np.zeros(shape), np.zeros(shape)
    for step in range(steps):
        decided = starts + step
        wish = side[:, decided - first]
        enters = ~held & (wish == 1)
        if not (held.any() or enters.any()):
            continue
        opened, close = candles.open[decided + 1], candles.close[decided]
        _leave(wealth, entry, held, held & (wish == -1), opened, cost)
        entry = np.where(enters, opened * (1 + cost.fraction), entry)
        stop = np.where(enters, close * (1 - stops[:, decided - first]), stop)
        target = np.where(enters, close * (1 + targets[:, decided - first]), target)
        held |= enters
        _leave(wealth, entry, held, held & (candles.low[decided + 1] <= stop), np.minimum(opened, stop), cost)
        _leave(wealth, entry, held, held & (candles.high[decided + 1] >= target), np.maximum(opened, target), cost)
    remains = held.copy()
    _leave(wealth, entry, held, remains, candles.close[starts + steps], cost)
    return Outcomes(wealth - 1, remains)


def _leave(
    wealth: FloatArray, entry: FloatArray, held: Flags, leaves: Flags, price: FloatArray, cost: TradingCost
) -> None:
    if leaves.any():
        proceeds = np.broadcast_to(price, leaves.shape)[leaves] * (1 - cost.fraction)
        wealth[leaves] *= proceeds / entry[leaves]
        held &= ~leaves
