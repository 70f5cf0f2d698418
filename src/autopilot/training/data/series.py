"""The inputs and outcomes of one symbol at each of its candles, computed for whole series.

Features, strategies and costs are those of the live cycle. Every input at a candle follows from that candle and those
before it. So a long series is computed in chunks, and only what is small is kept of each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from autopilot.analysis.features import FEATURE_NAMES, features, outside_features, zeroed
from autopilot.analysis.regime import REGIMES, WARM_UP
from autopilot.analysis.view import MarketView, forget_arrays
from autopilot.domain.candles import Candles, FloatArray, Int8Array, IntArray
from autopilot.domain.conditions import Regime
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.signal import STRATEGY_GROUPS, StrategySignal
from autopilot.domain.sparse_signals import SparseSignals
from autopilot.performance.outcomes import Outcomes, TradingCost, counterfactual_outcomes, horizon
from autopilot.performance.strategy_state import state_rows, volatility_unit
from autopilot.selection.group_rules import RuleInputs, group_confidences
from autopilot.strategies.base import signal_of
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.prefix import view_between
from autopilot.training.data.records import TrackRecords, track_records

CHUNK = 16_384
"""The number of candles computed at once. What they take fits into a processor's cache."""
BEFORE = 4_096
"""The number of candles before a chunk that are computed with it. After 1,000 an entry is right to 1e-9. After so many
it is the same number to the last digit, so that the size of a chunk does not change a model."""


@dataclass(frozen=True, slots=True, eq=False)
class SymbolData:
    """The data of one symbol: its closed candles, those of its reference, sentiment, and the outcomes that the daemon
    recorded. Samples are drawn from ``since_ms`` on; earlier candles are for the warm-up. ``lent``: how many of the
    first candles are those of another exchange."""

    symbol: str
    candles: Candles
    reference: Candles | None
    sentiment: SentimentSeries | None
    recorded: tuple[PerformanceSample, ...]
    since_ms: int
    lent: int = 0


@dataclass(frozen=True, slots=True)
class Chunk:
    """The candles ``begin`` to ``end`` (exclusive). Their computation begins at candle ``first``."""

    first: int
    begin: int
    end: int

    @property
    def own(self) -> slice:
        """The entries of the chunk's own candles."""
        return slice(self.begin - self.first, None)

    def view(self, history: SymbolData) -> MarketView:
        """The candles from ``first`` on."""
        return view_between(history, self.first, self.end)


def chunks_of(length: int) -> list[Chunk]:
    """The chunks of so many candles; a single one if there are few."""
    begins = range(0, max(length - BEFORE, 1), CHUNK)
    ends = [*begins[1:], length]
    return [Chunk(max(begin - BEFORE, 0), begin, end) for begin, end in zip(begins, ends, strict=True)]


@dataclass(frozen=True, eq=False)
class SymbolSeries:
    """``n`` candles, s strategies. ``signals``: those of the strategies. ``regimes`` int8[n]: codes as of
    `RegimeArrays`. ``rule_group`` int8[n]: the group that the rule table chooses, among those with strategies, by its
    number in `STRATEGY_GROUPS`; ``rule_confidence`` float64[n]: its confidence. ``first_decided``: the index of the
    candle where the tracker's record begins, or of the one after the last; None if that was long before. ``view``: the
    view of all candles, if they are a single chunk."""

    history: SymbolData
    strategies: StrategySet
    cost: TradingCost
    first_decided: int | None
    signals: SparseSignals
    regimes: Int8Array
    rule_group: Int8Array
    rule_confidence: FloatArray
    view: MarketView | None
    _tables: dict[Chunk, FloatArray] = field(default_factory=dict)
    """The features of the chunk last asked for."""

    @property
    def symbol(self) -> str:
        return self.history.symbol

    @property
    def candles(self) -> Candles:
        return self.history.candles

    @property
    def steps(self) -> int:
        """The horizon in candles."""
        return horizon(self.candles.timeframe)

    @cached_property
    def records(self) -> TrackRecords:
        """The records of the performance tracker."""
        starts = np.arange(min(WARM_UP, len(self.candles)), len(self.candles) - self.steps)
        returns = (self._outcomes(chunk, starts[part]).returns for chunk, part in self._parts(starts))
        return track_records(self.candles, self.steps, len(self.strategies), self.first_decided, returns)

    def regime(self, index: int) -> Regime:
        """The regime at one candle, not one of the first 549."""
        return REGIMES[int(self.regimes[index])]

    def signal(self, strategy: int, index: int) -> StrategySignal:
        """The signal of the strategy with this number at a candle where it has one, without a reason."""
        signals, number = self.signals, self.signals.number(strategy, index)
        return signal_of(
            self.strategies.strategies[strategy],
            self.symbol,
            float(self.candles.close[index]),
            int(signals.side[number]),
            float(signals.strength[number]),
            float(signals.confidence[number]),
            float(signals.stop_distance[number]),
            float(signals.target_distance[number]),
        )

    # All candles ``at`` below are ascending and without duplicates.

    def outcomes(self, at: IntArray) -> Outcomes:
        """The outcomes of each strategy after these candles, [s, m]; NaN where unknown."""
        shape = len(self.strategies), len(at)
        found = Outcomes(np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_))
        first, end = np.searchsorted(at, (min(WARM_UP, len(self.candles)), len(self.candles) - self.steps))
        known = slice(first, end)
        for chunk, part in self._parts(at[known]):
            returns, held = self._outcomes(chunk, at[known][part])
            found.returns[:, known][:, part], found.held[:, known][:, part] = returns, held
        return found

    def sides(self, at: IntArray) -> Int8Array:
        """The sides of the signals at these candles: int8[s, m]."""
        return self.signals.spread(self.signals.side, at)

    def presence(self, at: IntArray) -> FloatArray:
        """Strength and confidence of the signals at these candles: float64[2, s, m]."""
        signals = self.signals
        return np.stack([signals.spread(values, at) for values in (signals.strength, signals.confidence)])

    def inputs(self, at: IntArray) -> FloatArray:
        """The input of a model at these candles, float64[m, j]. Each is at least one horizon after the first candle."""
        market = self.market(at)
        latest = self.outcomes(at - self.steps)
        before = Outcomes(zeroed(latest.returns), latest.held)
        state = state_rows(self.sides(at), before, self.records.means_at(at), self.unit(market))
        return np.concatenate([market, state], axis=1)

    def unit(self, inputs: FloatArray) -> FloatArray:
        """The usual move over the horizon, float64[m]. ``inputs`` float64[m, j]: those of a model, or its features."""
        return volatility_unit(inputs[:, FEATURE_NAMES.index("log_volatility_168")], self.steps)

    def market(self, at: IntArray) -> FloatArray:
        """float64[m, k]: the features at these candles, in the order of FEATURE_NAMES."""
        found = np.empty((len(at), len(FEATURE_NAMES)))
        for chunk, part in self._parts(at):
            if chunk not in self._tables:
                self._tables.clear()
                view = self.view or chunk.view(self.history)
                self._tables[chunk] = features(view, view.regimes)[1]
            found[part] = self._tables[chunk][at[part] - chunk.first]
        return found

    def _parts(self, at: IntArray) -> Iterator[tuple[Chunk, slice]]:
        """The chunks with any of these candles, and which of them they have."""
        for chunk in chunks_of(len(self.candles)):
            low, high = np.searchsorted(at, (chunk.begin, chunk.end)).tolist()
            if low < high:
                yield chunk, slice(low, high)

    def _outcomes(self, chunk: Chunk, starts: IntArray) -> Outcomes:
        """As `outcomes`, for starts of one chunk that have matured after the warm-up."""
        found = counterfactual_outcomes(self.candles, self.signals, starts, self.steps, self.cost)
        for number, missing in enumerate(self.strategies.lacking(chunk.view(self.history)).values()):
            found.returns[number, missing[starts - chunk.first]] = np.nan
        _take_recorded(found.returns, self.history, starts, self.strategies.names)
        return found


def symbol_series(
    history: SymbolData, strategies: StrategySet, cost: TradingCost, first_decided: int | None = None
) -> SymbolSeries:
    """The series of ``history``, which has at least one candle. A strategy that fails anywhere has no signals."""
    length, chunks = len(history.candles), chunks_of(len(history.candles))
    regimes, rule_group = np.empty(length, dtype=np.int8), np.empty(length, dtype=np.int8)
    rule_confidence = np.empty(length)
    eligible = np.array([[group in strategies.groups.values()] for group in STRATEGY_GROUPS])
    parts, failed = [], set()
    for chunk in chunks:
        view, own = chunk.view(history), slice(chunk.begin, chunk.end)
        evaluation = strategies.evaluate(view)
        failed |= {strategies.names.index(name) for name in evaluation.errors}
        parts.append(SparseSignals.of(evaluation.arrays.values(), chunk.own.start, number=chunk.first))
        groups = group_confidences(_rule_inputs(view, chunk.own))
        chosen = np.where(eligible, groups, -np.inf).argmax(axis=0)
        regimes[own], rule_group[own] = view.regimes.codes[chunk.own], chosen
        if len(chunks) > 1:
            forget_arrays(view)
        rule_confidence[own] = groups[chosen, np.arange(len(chosen))]
    return SymbolSeries(
        history,
        strategies,
        cost,
        first_decided,
        SparseSignals.joined(parts).without(failed),
        regimes,
        rule_group,
        rule_confidence,
        view if len(chunks) == 1 else None,
    )


def _rule_inputs(view: MarketView, at: slice) -> RuleInputs:
    """The inputs of the rule table at these candles."""
    indicators, known = view.indicators, np.zeros(len(view.candles), dtype=np.bool_)
    for series in (view.reference_close, view.sentiment):
        if series is not None and len(series):
            known |= np.isfinite(series)
    outside = outside_features(view)
    return RuleInputs(
        regime=view.regimes.codes[at],
        regime_strength=view.regimes.strength[at],
        adx=indicators.adx()[at],
        rsi=indicators.rsi()[at],
        volume_ratio=indicators.volume_ratio()[at],
        volatility_ratio=indicators.volatility_ratio()[at],
        external=known[at],
        sentiment=zeroed(outside["sentiment"][at]),
        relative_strength=zeroed(outside["relative_strength_168"][at]),
    )


def _take_recorded(returns: FloatArray, history: SymbolData, starts: IntArray, names: Sequence[str]) -> None:
    """Replace the computed returns float64[s, m] after ``starts`` by those that the daemon recorded, in place."""
    open_at_ms = history.candles.open_at_ms[starts]
    for sample in history.recorded:
        at = int(np.searchsorted(open_at_ms, sample.candle_at_ms))
        if at < len(open_at_ms) and open_at_ms[at] == sample.candle_at_ms and np.isfinite(returns[:, at]).any():
            returns[:, at] = [sample.returns.get(name, np.nan) for name in names]
