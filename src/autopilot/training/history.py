"""One symbol's past made into rows to learn from: what was known at each sampled candle, and what came of it.

Runs the same features, strategies and costs as the live cycle over the whole series at once; a map over symbols.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autopilot.analysis.features import FEATURE_NAMES, features
from autopilot.analysis.market_analyzer import WINDOW, conditions_at
from autopilot.analysis.regime import WARM_UP
from autopilot.analysis.view import MarketView, market_view
from autopilot.domain.candles import Candles, FloatArray, IntArray
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.sentiment import SentimentSeries
from autopilot.domain.signal import SignalArrays, StrategyGroup
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import Outcomes, TradingCost, counterfactual_outcomes, horizon
from autopilot.performance.performance_tracker import RECENT_DAYS, matures_at
from autopilot.performance.strategy_state import COMPLETE, SPANS_DAYS, state_names, state_rows, volatility_unit
from autopilot.selection.group_rules import score_groups
from autopilot.strategies.registry import StrategySet
from autopilot.training.leaks import Prefix, prefix_differences
from autopilot.training.sampling import sample_candles

GROUPS: tuple[StrategyGroup, ...] = tuple(StrategyGroup)
PROBES = 4
"""Samples a symbol whose rows are computed again from what a live cycle would have seen."""


@dataclass(frozen=True, slots=True, eq=False)
class SymbolHistory:
    """What is known of one symbol: its closed candles, those of its reference, sentiment, and the outcomes that the
    running daemon recorded. Samples are drawn from ``since_ms`` on; what lies before it is for warming up."""

    symbol: str
    candles: Candles
    reference: Candles | None
    sentiment: SentimentSeries | None
    recorded: tuple[PerformanceSample, ...]
    since_ms: int


@dataclass(frozen=True, slots=True, eq=False)
class SymbolRows:
    """``m`` samples of one symbol, oldest first; s strategies.

    ``features`` float64[m, k]; ``returns`` float64[s, m]: net over the horizon, NaN without a label; ``at_ms`` and
    ``matured_ms`` int64[m]: close of the decided candle, and when its outcome was known; ``unit`` float64[m]: the usual
    move over the horizon; ``hold`` float64[m]: what buying and holding earned, without costs; ``regime`` int8[m];
    ``rule_group`` int64[m]: the rule table's choice; ``side`` int8[s, m] and ``presence`` float64[2, s, m], strength
    and confidence: the signals at that candle; ``latest`` float64[s, m]: the last matured outcome then; ``sums`` and
    ``counts`` float64[s, m]: of the returns of the last 30 days that had matured then.
    """

    symbol: str
    features: FloatArray
    returns: FloatArray
    at_ms: IntArray
    matured_ms: IntArray
    unit: FloatArray
    hold: FloatArray
    regime: NDArray[np.int8]
    rule_group: IntArray
    side: NDArray[np.int8]
    presence: FloatArray
    latest: FloatArray
    sums: FloatArray
    counts: FloatArray
    candles: int
    first_at_ms: int
    last_at_ms: int
    recorded: int
    prefix: Prefix


def candles_before(timeframe: Timeframe) -> int:
    """How many candles must lie before the first sample: warm-up, horizon, and the strategies' 30 day record."""
    return max(WINDOW, WARM_UP + horizon(timeframe) + RECENT_DAYS * timeframe.per_day)


def learned_names(strategies: Sequence[str]) -> tuple[str, ...]:
    """The columns of a model's input."""
    return (*FEATURE_NAMES, *state_names(strategies))


def symbol_rows(history: SymbolHistory, strategies: StrategySet, cost: TradingCost) -> SymbolRows:
    """The rows of one symbol; none when the history, of at least one candle, is too short."""
    candles, steps = history.candles, horizon(history.candles.timeframe)
    view = market_view(history.symbol, candles, history.reference, history.sentiment)
    arrays = strategies.evaluate(view).arrays
    first = max(WARM_UP + steps, WINDOW - 1, int(np.searchsorted(candles.open_at_ms, history.since_ms)))
    chosen = sample_candles(candles.open_at_ms, view.regimes.codes, first, max(first, len(candles) - steps))
    outcomes = _outcomes(view, strategies, arrays, cost)
    recorded = _take_recorded(outcomes.returns, history, strategies.names)
    record = _Record.of(outcomes.returns, candles, steps)
    chosen = chosen[record.complete[chosen]]
    _, market = features(view, view.regimes)
    unit = volatility_unit(market[chosen, FEATURE_NAMES.index("log_volatility_168")], steps)
    before = Outcomes(_zeroed(outcomes.returns[:, chosen - steps]), outcomes.held[:, chosen - steps])
    taken = [arrays[name] for name in strategies.names]
    side = np.stack([each.side[chosen] for each in taken])
    state = state_rows(side, before, [mean[:, chosen] for mean in record.means], unit)
    table = np.concatenate([market[chosen], state], axis=1)
    whole = np.isfinite(table).all(axis=1)
    chosen, table, unit, side = chosen[whole], table[whole], unit[whole], side[:, whole]
    conditions = [conditions_at(view, int(at), FeatureRow(FEATURE_NAMES, market[at])) for at in chosen]
    probes = chosen[np.linspace(0, len(chosen) - 1, min(PROBES, len(chosen)), dtype=np.int64)]
    return SymbolRows(
        symbol=history.symbol,
        features=table,
        returns=outcomes.returns[:, chosen],
        at_ms=candles.open_at_ms[chosen] + candles.timeframe.ms,
        matured_ms=candles.open_at_ms[chosen + steps] + candles.timeframe.ms,
        unit=unit,
        hold=candles.close[chosen + steps] / candles.open[chosen + 1] - 1.0,
        regime=view.regimes.codes[chosen],
        rule_group=np.array([GROUPS.index(score_groups(each)[0].group) for each in conditions], dtype=np.int64),
        side=side,
        presence=np.stack([[each.strength[chosen] for each in taken], [each.confidence[chosen] for each in taken]]),
        latest=_zeroed(outcomes.returns[:, chosen - steps]),
        sums=record.sums[-1][:, chosen],
        counts=record.counts[-1][:, chosen],
        candles=len(candles),
        first_at_ms=int(candles.open_at_ms[0]) if len(candles) else 0,
        last_at_ms=int(candles.open_at_ms[-1]) if len(candles) else 0,
        recorded=int(recorded[chosen].sum()),
        prefix=prefix_differences(history, strategies, probes, market, arrays),
    )


def _outcomes(
    view: MarketView, strategies: StrategySet, arrays: Mapping[str, SignalArrays], cost: TradingCost
) -> Outcomes:
    """Of every strategy after every candle, [s, n]; NaN where it is not known, or needed data that were missing."""
    length, steps = len(view.candles), horizon(view.timeframe)
    returns, held = np.full((len(arrays), length), np.nan), np.zeros((len(arrays), length), dtype=np.bool_)
    starts = np.arange(min(WARM_UP, length), length - steps)
    if len(starts):
        found = counterfactual_outcomes(view.candles, tuple(arrays.values()), starts, steps, cost)
        returns[:, starts], held[:, starts] = found
    for name, missing in strategies.lacking(view).items():
        returns[strategies.names.index(name), missing] = np.nan
    return Outcomes(returns, held)


def _take_recorded(returns: FloatArray, history: SymbolHistory, names: Sequence[str]) -> NDArray[np.bool_]:
    """Put what the daemon recorded in place of what was computed; bool[n] says where."""
    taken = np.zeros(returns.shape[1], dtype=np.bool_)
    open_at_ms = history.candles.open_at_ms
    for sample in history.recorded:
        at = int(np.searchsorted(open_at_ms, sample.candle_at_ms))
        if at < len(open_at_ms) and open_at_ms[at] == sample.candle_at_ms and np.isfinite(returns[:, at]).any():
            returns[:, at] = [sample.returns.get(name, np.nan) for name in names]
            taken[at] = True
    return taken


@dataclass(frozen=True, slots=True, eq=False)
class _Record:
    """What the tracker's record of the strategies said at each candle: ``sums`` and ``counts`` float64[2, s, n]."""

    sums: FloatArray
    counts: FloatArray
    complete: NDArray[np.bool_]

    @property
    def means(self) -> FloatArray:
        return np.asarray(self.sums / np.maximum(self.counts, 1.0))

    @classmethod
    def of(cls, returns: FloatArray, candles: Candles, steps: int) -> _Record:
        length, timeframe, at_ms = len(candles), candles.timeframe, candles.open_at_ms
        matures = matures_at_each(at_ms, timeframe)
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
        return cls(np.stack(sums), np.stack(counts), complete)


def matures_at_each(open_at_ms: IntArray, timeframe: Timeframe) -> NDArray[np.bool_]:
    """`matures_at` of every candle."""
    return np.array([matures_at(number, timeframe) for number in (open_at_ms // timeframe.ms).tolist()], dtype=np.bool_)


def _zeroed(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, 0.0)
