"""The inputs and outcomes of one symbol at each of its candles, computed for the whole series at once.

Features, strategies and costs are those of the live cycle. Every input at a candle follows from that candle and those
before it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autopilot.analysis.features import FEATURE_NAMES, features, outside_features, zeroed
from autopilot.analysis.regime import WARM_UP
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import BoolArray, Candles, FloatArray, Int8Array, IntArray
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import Outcomes, TradingCost, counterfactual_outcomes, horizon
from autopilot.performance.performance_tracker import matures_at
from autopilot.performance.strategy_state import COMPLETE, SPANS_DAYS, state_rows, volatility_unit
from autopilot.selection.group_rules import RuleInputs
from autopilot.strategies.registry import StrategySet


@dataclass(frozen=True, slots=True, eq=False)
class SymbolData:
    """The data of one symbol: its closed candles, those of its reference, sentiment, and the outcomes that the daemon
    recorded. Samples are drawn from ``since_ms`` on; earlier candles are for the warm-up."""

    symbol: str
    candles: Candles
    reference: Candles | None
    sentiment: SentimentSeries | None
    recorded: tuple[PerformanceSample, ...]
    since_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class TrackRecords:
    """The tracker's record of each of s strategies at each of n candles, for each of `SPANS_DAYS`: ``sums`` and
    ``counts`` float64[2, s, n] of the matured returns; ``complete`` bool[n]: enough of both spans had matured."""

    sums: FloatArray
    counts: FloatArray
    complete: BoolArray

    @property
    def means(self) -> FloatArray:
        return np.asarray(self.sums / np.maximum(self.counts, 1.0))


@dataclass(frozen=True, eq=False)
class SymbolSeries:
    """``n`` candles, s strategies. The inputs of model and rule table, and the outcomes, are computed at first use.
    ``first_decided``: the index of the candle where the tracker's record begins, or of the one after the last; None if
    that was long before."""

    history: SymbolData
    view: MarketView
    strategies: StrategySet
    arrays: Mapping[str, SignalArrays]
    cost: TradingCost
    first_decided: int | None

    @cached_property
    def market(self) -> FloatArray:
        """float64[n, k]: the features, in the order of FEATURE_NAMES."""
        return features(self.view, self.view.regimes)[1]

    @cached_property
    def _outside(self) -> Mapping[str, FloatArray]:
        """The two features that the rule table uses. The others are not computed for them."""
        return outside_features(self.view)

    @property
    def outcomes(self) -> Outcomes:
        """The outcomes of each strategy at each candle, [s, n]; NaN where unknown."""
        return self._known[0]

    @property
    def taken(self) -> BoolArray:
        """bool[n]: the candles whose outcomes the daemon recorded."""
        return self._known[1]

    @cached_property
    def records(self) -> TrackRecords:
        """The records of the performance tracker at each candle."""
        return _records(self.outcomes.returns, self.history.candles, self.steps, self.first_decided)

    @cached_property
    def _known(self) -> tuple[Outcomes, BoolArray]:
        outcomes = _outcomes(self.view, self.strategies, self.arrays, self.cost)
        return outcomes, _take_recorded(outcomes.returns, self.history, self.strategies.names)

    @property
    def steps(self) -> int:
        """The horizon in candles."""
        return horizon(self.history.candles.timeframe)

    def sides(self, at: IntArray) -> Int8Array:
        """The sides of the signals at these candles: int8[s, m]."""
        return np.stack([each.side[at] for each in self.arrays.values()])

    def presence(self, at: IntArray) -> FloatArray:
        """Strength and confidence of the signals at these candles: float64[2, s, m]."""
        every = self.arrays.values()
        return np.stack([[each.strength[at] for each in every], [each.confidence[at] for each in every]])

    def unit(self, at: IntArray) -> FloatArray:
        """The usual move over the horizon at these candles: float64[m]."""
        return volatility_unit(self.market[at, FEATURE_NAMES.index("log_volatility_168")], self.steps)

    def inputs(self, at: IntArray) -> FloatArray:
        """The input of a model at these candles, float64[m, j]. Each is at least one horizon after the first candle."""
        matured = at - self.steps
        before = Outcomes(zeroed(self.outcomes.returns[:, matured]), self.outcomes.held[:, matured])
        state = state_rows(self.sides(at), before, [mean[:, at] for mean in self.records.means], self.unit(at))
        return np.concatenate([self.market[at], state], axis=1)

    def rule_inputs(self, at: IntArray) -> RuleInputs:
        """The inputs of the rule table at these candles."""
        view, indicators = self.view, self.view.indicators
        outside = [series for series in (view.reference_close, view.sentiment) if series is not None and len(series)]
        known = np.any([np.isfinite(series[at]) for series in outside], axis=0) if outside else at < 0
        return RuleInputs(
            regime=view.regimes.codes[at],
            regime_strength=view.regimes.strength[at],
            adx=indicators.adx()[at],
            rsi=indicators.rsi()[at],
            volume_ratio=indicators.volume_ratio()[at],
            volatility_ratio=indicators.volatility_ratio()[at],
            external=known,
            sentiment=zeroed(self._outside["sentiment"][at]),
            relative_strength=zeroed(self._outside["relative_strength_168"][at]),
        )


def symbol_series(
    history: SymbolData, strategies: StrategySet, cost: TradingCost, first_decided: int | None = None
) -> SymbolSeries:
    """The series of ``history``, which has at least one candle."""
    view = market_view(history.symbol, history.candles, history.reference, history.sentiment)
    return SymbolSeries(history, view, strategies, strategies.evaluate(view).arrays, cost, first_decided)


def _outcomes(
    view: MarketView, strategies: StrategySet, arrays: Mapping[str, SignalArrays], cost: TradingCost
) -> Outcomes:
    """The outcome of every strategy after every candle, [s, n]; NaN where unknown, or where its data were missing."""
    length, steps = len(view.candles), horizon(view.timeframe)
    returns, held = np.full((len(arrays), length), np.nan), np.zeros((len(arrays), length), dtype=np.bool_)
    starts = np.arange(min(WARM_UP, length), length - steps)
    if len(starts):
        found = counterfactual_outcomes(view.candles, tuple(arrays.values()), starts, steps, cost)
        returns[:, starts], held[:, starts] = found
    for name, missing in strategies.lacking(view).items():
        returns[strategies.names.index(name), missing] = np.nan
    return Outcomes(returns, held)


def _take_recorded(returns: FloatArray, history: SymbolData, names: Sequence[str]) -> BoolArray:
    """Replace computed returns by those that the daemon recorded, in place. Returns bool[n]: the replaced candles."""
    taken = np.zeros(returns.shape[1], dtype=np.bool_)
    open_at_ms = history.candles.open_at_ms
    for sample in history.recorded:
        at = int(np.searchsorted(open_at_ms, sample.candle_at_ms))
        if at < len(open_at_ms) and open_at_ms[at] == sample.candle_at_ms and np.isfinite(returns[:, at]).any():
            returns[:, at] = [sample.returns.get(name, np.nan) for name in names]
            taken[at] = True
    return taken


def _records(returns: FloatArray, candles: Candles, steps: int, first_decided: int | None) -> TrackRecords:
    length, timeframe, at_ms = len(candles), candles.timeframe, candles.open_at_ms
    matures = matures_at_each(at_ms, timeframe)
    if first_decided is not None:
        matures[first_decided : first_decided + 1] = True
    newest = np.maximum.accumulate(np.where(matures, np.arange(length), -1)) - steps
    known = newest >= WARM_UP
    newest = np.maximum(newest, 0)
    finite = np.isfinite(returns)
    total, number = (
        np.concatenate([np.zeros((len(returns), 1)), np.cumsum(part, axis=1)], axis=1)
        for part in (np.where(finite, returns, 0.0), finite)
    )
    sums, counts, complete = [], [], known
    for days in SPANS_DAYS:
        rows = days * timeframe.per_day
        since = np.searchsorted(at_ms, at_ms[newest] - days * DAY_MS, side="right")
        begin = np.maximum(np.maximum(since, newest - rows + 1), min(WARM_UP, length))
        end = np.maximum(newest + 1, begin)
        sums.append(total[:, end] - total[:, begin])
        counts.append(number[:, end] - number[:, begin])
        complete = complete & (end - begin >= COMPLETE * rows)
    return TrackRecords(np.stack(sums), np.stack(counts), complete)


def matures_at_each(open_at_ms: IntArray, timeframe: Timeframe) -> BoolArray:
    """`matures_at` for every candle: bool[n]."""
    return np.array([matures_at(number, timeframe) for number in (open_at_ms // timeframe.ms).tolist()], dtype=np.bool_)
