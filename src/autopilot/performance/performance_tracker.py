"""Keeps what every strategy would have earned, candle by candle, and sums it up for the selector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autopilot.analysis.regime import REGIMES, WARM_UP, RegimeArrays
from autopilot.domain.candles import Candles
from autopilot.domain.sample import PerformanceSample
from autopilot.domain.signal import SignalArrays
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.performance.outcomes import TradingCost, counterfactual_returns, horizon
from autopilot.ports.ledger import SampleStore
from autopilot.selection.track_record import shrunk_mean

RECENT_DAYS = 30
MATURING_DAYS = 5
"""The newest sample is at most so old, horizon and grouping together, when a run is taken up again."""
MATURED_AT_ONCE = 12
"""Candles are matured in groups of so many, of the clock and not of the run, so that a restart changes nothing."""
PRIOR_WEIGHT = 20.0
"""How many samples of its own a symbol needs before it counts as much as all symbols together."""


class StrategyRecord:
    """The recent counterfactual returns of every strategy on one symbol, newest last."""

    def __init__(self, strategies: Sequence[str], length: int) -> None:
        self._column = {name: column for column, name in enumerate(strategies)}
        self._returns = np.full((length, len(strategies)), np.nan)
        self._at_ms = np.full(length, -1, dtype=np.int64)
        self.total = np.zeros(len(strategies))
        """Sum of the returns of the ``RECENT_DAYS`` before the newest sample, by strategy; ``count`` is how many."""
        self.count = np.zeros(len(strategies))

    @property
    def newest_at_ms(self) -> int:
        """Open time of the newest candle that has matured; -1 when none has."""
        return int(self._at_ms[-1])

    def extend(self, samples: Sequence[PerformanceSample]) -> None:
        """Samples come in order of time; older ones are already in."""
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
        recent = self._at_ms >= self.newest_at_ms - RECENT_DAYS * DAY_MS
        known = np.isfinite(self._returns) & recent[:, None]
        self.total = np.where(known, self._returns, 0.0).sum(axis=0)
        self.count = known.sum(axis=0).astype(float)


class RecentReturns:
    """The track record that the selector asks, for one symbol at one moment."""

    def __init__(self, returns_bps: Mapping[str, float]) -> None:
        self._returns_bps = returns_bps

    def recent_return_bps(self, strategy: str) -> float:
        """Mean net return over the horizon in basis points, shrunk towards the all-symbol mean; 0 if unknown."""
        return self._returns_bps.get(strategy, 0.0)


class PerformanceTracker:
    """Matures samples for all symbols of one exchange and timeframe.

    A sample's returns are known ``horizon`` candles after its candle and are computed from signals that the
    strategies gave at the time, never from later ones. Raises StoreError when samples cannot be kept.
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

    def load(self, now_ms: int) -> None:
        """Take up the stored samples of the recent past."""
        since_ms = now_ms - (RECENT_DAYS + MATURING_DAYS) * DAY_MS
        by_symbol: dict[str, list[PerformanceSample]] = {}
        for sample in self._store.load_samples(self._exchange, self._timeframe, since_ms):
            by_symbol.setdefault(sample.symbol, []).append(sample)
        for symbol, samples in by_symbol.items():
            self._record(symbol).extend(samples)

    def observe(
        self, symbol: str, candles: Candles, arrays: Mapping[str, SignalArrays], regimes: RegimeArrays
    ) -> tuple[PerformanceSample, ...]:
        """Mature what has become known by the last candle of this window, and keep it.

        The first time, every candle of the window that is past the warm-up is matured, so that the selector does not
        start blind.
        """
        record = self._record(symbol)
        number = candles.last_at_ms // self._timeframe.ms
        if record.newest_at_ms >= 0 and (number + 1) % min(MATURED_AT_ONCE, self._timeframe.per_day):
            return ()
        steps = horizon(self._timeframe)
        newest = len(candles) - 1 - steps
        recent = newest - self._timeframe.per_day * RECENT_DAYS + 1
        first = int(np.searchsorted(candles.open_at_ms, record.newest_at_ms, side="right"))
        starts = np.arange(max(first, recent, WARM_UP), newest + 1)
        if not len(starts):
            return ()
        returns = counterfactual_returns(candles, tuple(arrays.values()), starts, steps, self._cost)
        samples = tuple(
            PerformanceSample(
                exchange=self._exchange,
                symbol=symbol,
                timeframe=self._timeframe,
                candle_at_ms=int(candles.open_at_ms[start]),
                matured_at_ms=int(candles.open_at_ms[start + steps]) + self._timeframe.ms,
                regime=REGIMES[regimes.codes[start]],
                returns=dict(zip(arrays, returns[:, row].tolist(), strict=True)),
            )
            for row, start in enumerate(starts)
        )
        self._store.save_samples(samples)
        record.extend(samples)
        return samples

    def track_record(self, symbol: str) -> RecentReturns:
        """How every strategy did on this symbol in the ``RECENT_DAYS`` before its newest sample."""
        own, everyone = self._record(symbol), self._records.values()
        shrunk = shrunk_mean(
            own.total,
            own.count,
            np.sum([record.total for record in everyone], axis=0),
            np.sum([record.count for record in everyone], axis=0),
            PRIOR_WEIGHT,
        )
        return RecentReturns(dict(zip(self._strategies, (shrunk * 1e4).tolist(), strict=True)))

    def _record(self, symbol: str) -> StrategyRecord:
        if symbol not in self._records:
            length = self._timeframe.per_day * RECENT_DAYS
            self._records[symbol] = StrategyRecord(self._strategies, length)
        return self._records[symbol]
