"""Counterfactual returns: the result after each candle of following one strategy alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import Timeframe

HORIZON_HOURS = 24
NEVER = 2**62
"""Stands for the candle of an exit, if there is none."""


def horizon(timeframe: Timeframe) -> int:
    """The horizon of a sample in candles: 24 hours, at least one candle."""
    return max(1, timeframe.per_day * HORIZON_HOURS // 24)


@dataclass(frozen=True, slots=True)
class TradingCost:
    """The cost of one side of a trade, as a fraction of its value: taker fee and slippage together."""

    fraction: float


ASSUMED_COST = TradingCost(0.0015)
"""0.1 % fee and 5 bps slippage."""


class Outcomes(NamedTuple):
    """By strategy and start: ``returns`` float64[s, m], net, as fractions; ``held`` bool[s, m]: whether a position was
    open at the end."""

    returns: FloatArray
    held: BoolArray


def counterfactual_outcomes(
    candles: Candles, signals: Sequence[SignalArrays], starts: IntArray, steps: int, cost: TradingCost
) -> Outcomes:
    """The result of each strategy alone over ``steps`` candles after each start index, flat before and after.
    ``starts`` ascend.

    A signal at a close acts at the next open. Inside a candle the stop is met before the target (the worse side
    when both are touched); a gap beyond either trades at the open. An open position is sold at the last close.
    Every start needs ``start + steps < len(candles)``.
    """
    first, end = int(starts[0]), int(starts[-1]) + steps
    trips = _round_trips(candles, signals, first, end, steps, cost)
    over = starts + steps
    wealth, held = np.ones((len(signals), len(starts))), np.zeros((len(signals), len(starts)), dtype=np.bool_)
    strategy, at = (part.ravel() for part in np.indices(wealth.shape))
    moment = starts[at]
    while len(at):
        bought = trips.following[strategy, moment - first]
        enters = bought < over[at] - first
        strategy, at, bought = strategy[enters], at[enters], bought[enters]
        left = trips.left[strategy, bought]
        stays = left > over[at]
        last = candles.close[over[at[stays]]] * (1 - cost.fraction)
        wealth[strategy[stays], at[stays]] *= last / trips.entry[bought[stays]]
        held[strategy[stays], at[stays]] = True
        strategy, at, bought, moment = strategy[~stays], at[~stays], bought[~stays], left[~stays]
        wealth[strategy, at] *= trips.factor[strategy, bought]
    return Outcomes(wealth - 1, held)


class _RoundTrips(NamedTuple):
    """The outcome of a buy at each of m candles, if flat before.

    ``following`` int64[s, m + 1]: the first buy at or after each candle, m without one; ``left`` int64[s, m]: the
    candle of its exit, counted in the whole series; ``factor`` float64[s, m]: value after the exit per unit invested;
    ``entry`` float64[m]: the price paid, costs included.
    """

    following: IntArray
    left: IntArray
    factor: FloatArray
    entry: FloatArray


def _round_trips(
    candles: Candles, signals: Sequence[SignalArrays], first: int, end: int, steps: int, cost: TradingCost
) -> _RoundTrips:
    side = np.stack([each.side[first:end] for each in signals])
    length = end - first
    buys = np.where(side == 1, np.arange(length), length)
    following = np.minimum.accumulate(np.pad(buys, ((0, 0), (0, 1)), constant_values=length)[:, ::-1], axis=1)[:, ::-1]
    entry = candles.open[first + 1 : end + 1] * (1 + cost.fraction)
    left, factor = np.full(side.shape, NEVER), np.ones(side.shape)
    strategy, at = np.nonzero(side == 1)
    close = candles.close[first + at]
    stop = close * (1 - np.stack([each.stop_distance[first:end] for each in signals])[strategy, at])
    target = close * (1 + np.stack([each.target_distance[first:end] for each in signals])[strategy, at])
    for step in range(steps):
        now = first + at + step + 1
        inside = now <= end
        strategy, at, stop, target, now = strategy[inside], at[inside], stop[inside], target[inside], now[inside]
        if not len(at):
            break
        opened, low, high = candles.open[now], candles.low[now], candles.high[now]
        sold = side[strategy, at + step] == -1
        stopped = ~sold & (low <= stop)
        reached = ~sold & ~stopped & (high >= target)
        price = np.where(stopped, np.minimum(opened, stop), np.where(reached, np.maximum(opened, target), opened))
        leaves = sold | stopped | reached
        gone = strategy[leaves], at[leaves]
        left[gone] = now[leaves]
        factor[gone] = price[leaves] * (1 - cost.fraction) / entry[gone[1]]
        stays = ~leaves
        strategy, at, stop, target = strategy[stays], at[stays], stop[stays], target[stays]
    return _RoundTrips(following, left, factor, entry)
