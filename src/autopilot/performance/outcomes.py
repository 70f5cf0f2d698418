"""Counterfactual returns: the result after each candle of following one strategy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.sparse_signals import SparseSignals
from autopilot.domain.timeframe import Timeframe

HORIZON_HOURS = 24
NEVER = 2**40
"""Stands for the candle of an exit, if there is none. Candles and strategies together make one number of 64 bits."""


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
    candles: Candles, signals: SparseSignals, starts: IntArray, steps: int, cost: TradingCost
) -> Outcomes:
    """The result of each strategy alone over ``steps`` candles after each start index, flat before and after.
    ``starts`` ascend.

    A signal at a close acts at the next open. Inside a candle the stop is met before the target (the worse side
    when both are touched); a gap beyond either trades at the open. An open position is sold at the last close.
    Every start needs ``start + steps < len(candles)``.

    All starts between two buys of a strategy make the same round trips. They differ only in how many of these end in
    time, so that a later start has at least those of an earlier one. They are followed together.
    """
    first, end = int(starts[0]), int(starts[-1]) + steps
    trips = _round_trips(candles, signals.between(first, end), first, end, steps, cost)
    wealth = np.ones((len(signals.begin) - 1, len(starts)))
    held = np.zeros(wealth.shape, dtype=np.bool_)
    last = candles.close[starts + steps] * (1 - cost.fraction)
    trip, gain = np.arange(len(trips.bought)), np.ones(len(trips.bought))
    low, high = np.searchsorted(starts, (trips.since, trips.bought), side="right")
    while len(trip):
        # The starts of a trip are a span. The first of them are over before its buy: they end flat.
        bought = np.clip(np.searchsorted(starts, trips.bought[trip] - steps, side="right"), low, high)
        _put(wealth, trips.strategy[trip], low, bought, gain)
        # The next are over while the position is open.
        left = np.clip(np.searchsorted(starts, trips.left[trip] - steps), bought, high)
        each, at = _expanded(bought, left)
        wealth[trips.strategy[trip[each]], at] = gain[each] * (last[at] / trips.entry[trip[each]])
        held[trips.strategy[trip[each]], at] = True
        # The others go on, with the gain of this trip.
        on = left < high
        trip, gain, low, high = trip[on], gain[on] * trips.factor[trip[on]], left[on], high[on]
        following = trips.following[trip]
        on = following >= 0
        _put(wealth, trips.strategy[trip[~on]], low[~on], high[~on], gain[~on])
        trip, gain, low, high = following[on], gain[on], low[on], high[on]
    return Outcomes(wealth - 1, held)


def _put(wealth: FloatArray, strategy: IntArray, low: IntArray, high: IntArray, gain: FloatArray) -> None:
    """Set the starts ``low`` to ``high`` (exclusive) of each strategy to its gain."""
    changed = gain != 1.0
    each, at = _expanded(low[changed], high[changed])
    wealth[strategy[changed][each], at] = gain[changed][each]


def _expanded(low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """All numbers of the spans ``low`` to ``high`` (exclusive): (which span, number), int64 each."""
    lengths = high - low
    each = np.repeat(np.arange(len(low)), lengths)
    return each, np.arange(len(each)) - (np.cumsum(lengths) - lengths - low)[each]


class _RoundTrips(NamedTuple):
    """The outcome of each of k buys, if flat before, by strategy, then by candle.

    ``bought`` int64[k]: the candle of the buy; ``since`` int64[k]: that of the strategy's buy before, else a lower one;
    ``left`` int64[k]: the candle of its exit; ``following`` int64[k]: the number of the first buy at or after its exit,
    else −1; ``factor`` float64[k]: value after the exit per unit invested; ``entry`` float64[k]: the price paid, costs
    included.
    """

    strategy: IntArray
    bought: IntArray
    since: IntArray
    left: IntArray
    following: IntArray
    factor: FloatArray
    entry: FloatArray


def _round_trips(
    candles: Candles, spoken: SparseSignals, first: int, end: int, steps: int, cost: TradingCost
) -> _RoundTrips:
    buys = spoken.side == 1
    strategy, at = spoken.strategy[buys], spoken.at[buys]
    # One ascending number for strategy and candle.
    moments = spoken.strategy * NEVER + spoken.at
    bought, sells = moments[buys], np.append(moments[~buys], 2**62)
    sold = sells[np.searchsorted(sells, bought)] - strategy * NEVER + 1
    close = candles.close[at]
    stop = close * (1 - spoken.stop_distance[buys])
    target = close * (1 + spoken.target_distance[buys])
    inside = slice(first + 1, end + 1)
    stopped = first + 1 + _first_at_most(candles.low[inside], at - first, stop, steps)
    reached = first + 1 + _first_at_most(-candles.high[inside], at - first, -target, steps)
    left = np.minimum(np.minimum(sold, stopped), reached)
    opened = candles.open[np.minimum(left, end)]
    price = np.where(stopped == left, np.minimum(opened, stop), np.maximum(opened, target))
    price = np.where(sold == left, opened, price)
    entry = candles.open[at + 1] * (1 + cost.fraction)
    left = np.where(left <= np.minimum(at + steps, end), left, NEVER - 1)
    following = np.searchsorted(bought, strategy * NEVER + left)
    same = np.append(strategy, -1)[following] == strategy
    return _RoundTrips(
        strategy=strategy,
        bought=at,
        since=np.where(np.diff(strategy, prepend=-1) == 0, np.roll(at, 1), first - 1),
        left=left,
        following=np.where(same, following, -1),
        factor=price * (1 - cost.fraction) / entry,
        entry=entry,
    )


def _first_at_most(values: FloatArray, since: IntArray, limit: FloatArray, steps: int) -> IntArray:
    """For each of k searches: the first entry at or after ``since`` that is at most ``limit``, else one that is at
    least ``steps`` later or beyond the end; int64[k].

    The lowest of 1, 2, 4 … values from each entry on are computed once. A search skips the longest spans first.
    """
    lowest = [np.append(values, -np.inf)]
    for place in range(steps.bit_length() - 1):
        half, size = lowest[-1], 1 << place
        lowest.append(half.copy())
        np.minimum(half[:-size], half[size:], out=lowest[-1][:-size])
    found = since.copy()
    for place in reversed(range(len(lowest))):
        found += (lowest[place][found] > limit).astype(np.int64) << place
    return found
