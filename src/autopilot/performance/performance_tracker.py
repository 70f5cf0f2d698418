"""Stores the counterfactual return of every strategy, candle by candle, and sums it up for the selector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autopilot.analysis.formulas import MIN_VOLATILITY
from autopilot.analysis.regime import REGIMES, WARM_UP
from autopilot.analysis.view import MarketView
from autopilot.domain.candles import BoolArray, Candles, FloatArray, IntArray
from autopilot.domain.conditions import FeatureRow
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.signal import SignalArrays
from autopilot.domain.sparse_signals import SparseSignals
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost, counterfactual_outcomes, horizon
from autopilot.performance.strategy_state import COMPLETE, SPANS_DAYS, state_names, state_rows, volatility_unit
from autopilot.ports.ledger import SampleStore
from autopilot.selection.track_record import shrunk_mean

RECENT_DAYS = max(SPANS_DAYS)
MATURING_DAYS = 5
"""The greatest age of the newest sample when a run resumes, horizon and grouping together."""
MATURED_AT_ONCE = 12
"""Candles matured at a time. The groups follow the clock, so that a restart changes nothing."""
LOADED_AT_ONCE = 2000
PRIOR_WEIGHT = 20.0
"""Number of own samples at which a symbol's mean counts as much as the mean over all symbols."""


def matures_at(number: int, timeframe: Timeframe) -> bool:
    """Whether samples mature at the close of candle ``number`` (its open time in candles since 1970)."""
    return (number + 1) % candles_a_group(timeframe) == 0


def candles_a_group(timeframe: Timeframe) -> int:
    """The number of candles that mature at a time."""
    return min(MATURED_AT_ONCE, timeframe.per_day)


def candles_maturing(timeframe: Timeframe) -> int:
    """Number of candles that decide the outcome of the samples that mature together."""
    return candles_a_group(timeframe) + horizon(timeframe) + 1


@dataclass(frozen=True, slots=True)
class SpanSums:
    """Of the last 7 and 30 days (`SPANS_DAYS`) before the newest sample: ``total`` and ``count`` float64[2, s], sum and
    number of the returns of each strategy; ``matured`` int64[2], number of the samples."""

    total: FloatArray
    count: FloatArray
    matured: IntArray


class StrategyRecord:
    """The recent counterfactual returns of every strategy on one symbol, newest last."""

    def __init__(self, strategies: Sequence[str], length: int) -> None:
        self._column = {name: column for column, name in enumerate(strategies)}
        self._returns = np.full((length, len(strategies)), np.nan)
        self._at_ms = np.full(length, -1, dtype=np.int64)
        self._sums: SpanSums | None = None

    @property
    def newest_at_ms(self) -> int:
        """Open time of the newest matured candle; -1 without one."""
        return int(self._at_ms[-1])

    @property
    def means(self) -> FloatArray:
        """float64[2, s] by span: 0 for a strategy whose data were always missing, NaN until the span is complete."""
        lengths = np.array(SPANS_DAYS) / max(SPANS_DAYS) * len(self._at_ms)
        sums = self.sums
        complete = (sums.matured >= COMPLETE * lengths)[:, None]
        return np.where(complete, sums.total / np.maximum(sums.count, 1.0), np.nan)

    @property
    def sums(self) -> SpanSums:
        """Summed up when they are asked for, because a catch-up adds many samples before anybody does."""
        if self._sums is None:
            spans = [self._at_ms > max(-1, self.newest_at_ms - days * DAY_MS) for days in SPANS_DAYS]
            known = [np.isfinite(self._returns) & recent[:, None] for recent in spans]
            self._sums = SpanSums(
                np.array([np.where(each, self._returns, 0.0).sum(axis=0) for each in known]),
                np.array([each.sum(axis=0) for each in known], dtype=np.float64),
                np.array([recent.sum() for recent in spans]),
            )
        return self._sums

    def extend(self, samples: Sequence[PerformanceSample]) -> None:
        """Add samples in order of time; those already contained are skipped."""
        fresh = [sample for sample in samples if sample.candle_at_ms > self.newest_at_ms][-len(self._at_ms) :]
        if not fresh:
            return
        rows = np.full((len(fresh), len(self._column)), np.nan)
        for row, sample in zip(rows, fresh, strict=True):
            for name in sample.returns.keys() & self._column.keys():
                row[self._column[name]] = sample.returns[name]
        self._returns = np.concatenate([self._returns[len(fresh) :], rows])
        moments = np.array([sample.candle_at_ms for sample in fresh], dtype=np.int64)
        self._at_ms = np.concatenate([self._at_ms[len(fresh) :], moments])
        self._sums = None


class PerformanceTracker:
    """Matures samples for all symbols of one exchange and timeframe.

    A sample's returns are known ``horizon`` candles after its candle and are computed from signals that the
    strategies gave at the time, never from later ones. Raises StoreError if samples cannot be stored.
    """

    def __init__(
        self, exchange: str, timeframe: Timeframe, strategies: Sequence[str], store: SampleStore, cost: TradingCost
    ) -> None:
        self._exchange = exchange
        self._timeframe = timeframe
        self._strategies = tuple(strategies)
        self._store = store
        self._cost = cost
        self._records: dict[str, StrategyRecord] = {}
        self._to_load: dict[str, int] = {}
        """By symbol, the open time from which on stored samples are still to be loaded."""

    def resume(self, now_ms: int) -> None:
        """Go on from the samples that are stored of the time before ``now_ms``; `load_more` loads them."""
        since_ms = now_ms - (RECENT_DAYS + MATURING_DAYS) * DAY_MS
        self._to_load = dict.fromkeys(self._store.sampled_symbols(self._exchange, self._timeframe), since_ms)

    @property
    def is_loading(self) -> bool:
        """Whether stored samples are still to be loaded."""
        return bool(self._to_load)

    def load_more(self) -> bool:
        """Load some of the recent stored samples. Returns False if none were left to load."""
        if not self._to_load:
            return False
        symbol, since_ms = next(iter(self._to_load.items()))
        samples = self._store.samples_of(self._exchange, symbol, self._timeframe, since_ms, LOADED_AT_ONCE)
        self._record(symbol).extend(samples)
        if len(samples) < LOADED_AT_ONCE:
            del self._to_load[symbol]
        else:
            self._to_load[symbol] = samples[-1].candle_at_ms + 1
        return True

    def candles_due(self, symbol: str, last_at_ms: int, *, is_first: bool = False) -> int:
        """Number of candles, up to the one opened at ``last_at_ms``, that `observe` needs: 0 if no sample is due; more
        than a decision needs if the record is empty or lags behind. ``is_first``: no candle of the symbol was decided,
        so the record may be one that a crash left half made."""
        newest_at_ms, per_record = self._record(symbol).newest_at_ms, self._timeframe.per_day * RECENT_DAYS
        if newest_at_ms >= 0 and not is_first and not matures_at(last_at_ms // self._timeframe.ms, self._timeframe):
            return 0
        missing = min(per_record, (last_at_ms - newest_at_ms) // self._timeframe.ms)
        return WARM_UP + missing + horizon(self._timeframe) + 1

    def observe(
        self,
        symbol: str,
        view: MarketView,
        arrays: Mapping[str, SignalArrays],
        lacking: Mapping[str, BoolArray],
        index: int,
    ) -> tuple[PerformanceSample, ...]:
        """Mature and store the samples that are due at candle ``index`` of this view; `candles_due` says when, and how
        many candles must end there. ``lacking``: by strategy, the candles at which data that it needs were missing
        (`StrategySet.lacking`).

        The first time, every candle of the view that is past the warm-up is matured, so that the selector does not
        start blind.
        """
        samples = self.matured(symbol, view, arrays, lacking, index)
        self.keep(symbol, samples)
        return samples

    def keep(self, symbol: str, samples: Sequence[PerformanceSample]) -> None:
        """Store what `matured` gave."""
        if samples:
            self._store.save_samples(samples)
            self._record(symbol).extend(samples)

    def matured(
        self,
        symbol: str,
        view: MarketView,
        arrays: Mapping[str, SignalArrays],
        lacking: Mapping[str, BoolArray],
        index: int,
        since_ms: int = 0,
    ) -> tuple[PerformanceSample, ...]:
        """The samples that `observe` stores, of candles that open at or after ``since_ms``."""
        candles, steps = view.candles, horizon(self._timeframe)
        starts = self._starts(symbol, candles.open_at_ms[: index + 1])
        starts = starts[candles.open_at_ms[starts] >= since_ms]
        if not len(starts):
            return ()
        signals = SparseSignals.of(arrays.values(), int(starts[0]), index + 1)
        returns = counterfactual_outcomes(candles, signals, starts, steps, self._cost).returns
        return tuple(
            PerformanceSample(
                exchange=self._exchange,
                symbol=symbol,
                timeframe=self._timeframe,
                candle_at_ms=int(candles.open_at_ms[start]),
                matured_at_ms=int(candles.open_at_ms[start + steps]) + self._timeframe.ms,
                regime=REGIMES[view.regimes.codes[start]],
                returns={
                    name: value
                    for name, value in zip(arrays, returns[:, row].tolist(), strict=True)
                    if name not in lacking or not lacking[name][start]
                },
            )
            for row, start in enumerate(starts)
        )

    def due_since_ms(self, symbol: str, candles: Candles) -> int | None:
        """Open time of the first sample that is due at the last of these candles; None without any."""
        starts = self._starts(symbol, candles.open_at_ms)
        return int(candles.open_at_ms[starts[0]]) if len(starts) else None

    def _starts(self, symbol: str, open_at_ms: IntArray) -> IntArray:
        """The candles whose samples are due at the last of these."""
        newest = len(open_at_ms) - 1 - horizon(self._timeframe)
        recent = newest - self._timeframe.per_day * RECENT_DAYS + 1
        first = int(np.searchsorted(open_at_ms, self._record(symbol).newest_at_ms, side="right"))
        return np.arange(max(first, recent, WARM_UP), newest + 1)

    def strategy_state(
        self, symbol: str, view: MarketView, arrays: Mapping[str, SignalArrays], index: int
    ) -> FeatureRow:
        """The strategies' part of the model's input at candle ``index`` of the view; NaN where the record is too
        short."""
        steps = horizon(self._timeframe)
        start = np.array([index - steps])
        signals = SparseSignals.of(arrays.values(), int(start[0]), index + 1)
        latest = counterfactual_outcomes(view.candles, signals, start, steps, self._cost)
        unit = volatility_unit(np.log(np.array([view.at(index).indicators.volatility(168)]) + MIN_VOLATILITY), steps)
        means = self._record(symbol).means[:, :, None]
        side = np.array([[one.side[index]] for one in arrays.values()])
        return FeatureRow(state_names(tuple(arrays)), state_rows(side, latest, tuple(means), unit)[0])

    def recent_bps(self, symbol: str) -> Mapping[str, float]:
        """By strategy, the mean net return over the horizon in bps, of the ``RECENT_DAYS`` before the symbol's newest
        sample, shrunk towards the mean over all symbols."""
        own, everyone = self._record(symbol).sums, [record.sums for record in self._records.values()]
        shrunk = shrunk_mean(
            own.total[-1],
            own.count[-1],
            np.sum([sums.total[-1] for sums in everyone], axis=0),
            np.sum([sums.count[-1] for sums in everyone], axis=0),
            PRIOR_WEIGHT,
        )
        return dict(zip(self._strategies, (shrunk * 1e4).tolist(), strict=True))

    def _record(self, symbol: str) -> StrategyRecord:
        if symbol not in self._records:
            length = self._timeframe.per_day * RECENT_DAYS
            self._records[symbol] = StrategyRecord(self._strategies, length)
        return self._records[symbol]
