"""The training samples of one symbol: the inputs known at each sampled candle, and the outcomes after it.

A map over symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.features import FEATURE_NAMES, zeroed
from autopilot.analysis.market_analyzer import WINDOW
from autopilot.analysis.regime import WARM_UP
from autopilot.domain.candles import FloatArray, Int8Array, IntArray
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost, horizon
from autopilot.performance.performance_tracker import RECENT_DAYS
from autopilot.performance.strategy_state import state_names
from autopilot.strategies.registry import StrategySet
from autopilot.training.data.prefix import Prefix, prefix_differences
from autopilot.training.data.series import SymbolData, SymbolSeries, symbol_series

PROBES = 4
"""Samples per symbol whose rows are computed again from the candles that a live cycle sees."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Samples:
    """``m`` samples. ``features`` float64[m, k]; ``at_ms`` and ``matured_ms`` int64[m]: close of the decided candle,
    and the time its outcome was known; ``unit`` float64[m]: the usual move over the horizon; ``hold`` float64[m]: the
    return of buy and hold, without costs; ``regime`` int8[m]; ``rule_group`` int64[m]: the rule table's choice."""

    features: FloatArray
    at_ms: IntArray
    matured_ms: IntArray
    unit: FloatArray
    hold: FloatArray
    regime: Int8Array
    rule_group: IntArray

    def __len__(self) -> int:
        return len(self.at_ms)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SymbolRows(Samples):
    """The samples of one symbol, oldest first; s strategies.

    ``returns`` float64[s, m]: net over the horizon, NaN without a label; ``side`` int8[s, m] and ``presence``
    float64[2, s, m], strength and confidence: the signals at that candle; ``latest`` float64[s, m]: the last matured
    outcome then; ``sums`` and ``counts`` float64[s, m]: of the returns of the last 30 days that had matured then.
    """

    symbol: str
    returns: FloatArray
    side: Int8Array
    presence: FloatArray
    latest: FloatArray
    sums: FloatArray
    counts: FloatArray
    candles: int
    first_at_ms: int
    last_at_ms: int
    recorded: int
    lent: int
    prefix: Prefix


def candles_before(timeframe: Timeframe) -> int:
    """The number of candles needed before the first sample: warm-up, horizon, and the strategies' record of 30 days."""
    return max(WINDOW, WARM_UP + horizon(timeframe) + RECENT_DAYS * timeframe.per_day)


def learned_names(strategies: Sequence[str]) -> tuple[str, ...]:
    """The names of the columns of a model's input, for these strategies."""
    return (*FEATURE_NAMES, *state_names(strategies))


def symbol_rows(history: SymbolData, strategies: StrategySet, cost: TradingCost) -> SymbolRows:
    """The samples of one symbol, whose data has at least one candle. Zero samples when it is too short."""
    return rows_of(symbol_series(history, strategies, cost), strategies)


def rows_of(series: SymbolSeries, strategies: StrategySet) -> SymbolRows:
    """The samples of a series."""
    history, steps, records = series.history, series.steps, series.records
    candles, codes = history.candles, series.regimes
    first = max(WARM_UP + steps, WINDOW - 1, int(np.searchsorted(candles.open_at_ms, history.since_ms)))
    chosen = sample_candles(candles.open_at_ms, codes, first, max(first, len(candles) - steps))
    chosen = chosen[records.complete[records.at(chosen)]]
    table = series.inputs(chosen)
    whole = np.isfinite(table).all(axis=1)
    chosen, table = chosen[whole], table[whole]
    probes = np.linspace(0, len(chosen) - 1, min(PROBES, len(chosen)), dtype=np.int64)
    sides, (sums, counts) = series.sides(chosen), records.totals[-1][:, :, records.at(chosen)]
    return SymbolRows(
        symbol=history.symbol,
        features=table,
        returns=series.outcomes(chosen).returns,
        at_ms=candles.open_at_ms[chosen] + candles.timeframe.ms,
        matured_ms=candles.open_at_ms[chosen + steps] + candles.timeframe.ms,
        unit=series.unit(table),
        hold=candles.close[chosen + steps] / candles.open[chosen + 1] - 1.0,
        regime=codes[chosen],
        rule_group=series.rule_group[chosen].astype(np.int64),
        side=sides,
        presence=series.presence(chosen),
        latest=zeroed(series.outcomes(chosen - steps).returns),
        sums=sums,
        counts=counts,
        candles=len(candles),
        first_at_ms=int(candles.open_at_ms[0]) if len(candles) else 0,
        last_at_ms=int(candles.open_at_ms[-1]) if len(candles) else 0,
        recorded=int(np.isin(candles.open_at_ms[chosen], [each.candle_at_ms for each in history.recorded]).sum()),
        lent=history.lent,
        prefix=prefix_differences(
            history, strategies, chosen[probes], table[probes, : len(FEATURE_NAMES)], sides[:, probes]
        ),
    )


SPACING_MS = DAY_MS
"""The least distance between two samples of a symbol (1440 candles of 1m, 24 of 1h, 1 of 1d)."""
PERIOD_MS = 2 * DAY_MS
"""The distance after which a candle is sampled even if the regime stays the same."""


def sample_candles(open_at_ms: IntArray, regimes: Int8Array, first: int, end: int) -> IntArray:
    """Indices of the sampled candles in [first, end), int64[m], ascending. ``regimes`` int8[n]: the code of the regime
    at each candle. If the regime changes within ``SPACING_MS`` of a sample, the next sample waits for its end."""
    chosen: list[int] = []
    last_ms, last_regime = -PERIOD_MS, -1
    for index in range(first, end):
        waited = open_at_ms[index] - last_ms
        if waited >= PERIOD_MS or (waited >= SPACING_MS and regimes[index] != last_regime):
            chosen.append(index)
            last_ms, last_regime = int(open_at_ms[index]), int(regimes[index])
    return np.array(chosen, dtype=np.int64)
