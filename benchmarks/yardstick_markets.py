"""Markets and problems of which the truth is known, for the yardsticks of learning; and real candles beside them."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import norm

from autopilot.adapters.exchange.offline_markets.simulated_market import block_number, make_block
from autopilot.adapters.imports.candle_files import import_path
from autopilot.adapters.imports.sentiment_files import import_sentiment
from autopilot.adapters.store.candles import SqliteCandles
from autopilot.adapters.store.database import open_database
from autopilot.adapters.store.sentiment import SqliteSentiment
from autopilot.app.training.data import TrainingData
from autopilot.config.schema import AutopilotConfig
from autopilot.domain.candles import FloatArray, IntArray
from autopilot.domain.conditions import Regime
from autopilot.domain.signal import STRATEGY_GROUPS
from autopilot.domain.timeframe import DAY_MS, Timeframe
from autopilot.selection.strategy_rules import StrategyProfile
from autopilot.training.data.history import candles_before
from autopilot.training.data.series import SymbolData
from autopilot.training.data.surrogate import surrogate
from autopilot.training.data.training_set import TrainingSet
from autopilot.training.request import TrainingRequest

HOUR = Timeframe.H1
MIN_SAMPLES = 10
"""The default of ``min_samples_per_strategy``."""
REGIMES = tuple(Regime)
BANDS = np.array([-0.75, 0.0, 0.75])
"""Where the cause of `Planted` is cut."""

Market = tuple[SymbolData, ...]


def requested(exchange: str, symbols: Sequence[str], days: int) -> TrainingRequest:
    return TrainingRequest(exchange, tuple(symbols), HOUR, days, MIN_SAMPLES)


def simulated(seed: int, symbols: Sequence[str], days: int) -> Market:
    """The data that `autopilot retrain --exchange simulated` trains on, from the market of that seed."""
    config = AutopilotConfig.of({"exchange": "simulated", "simulated": {"seed": seed}})
    with tempfile.TemporaryDirectory(prefix="autopilot-bench-") as folder:
        return _histories(Path(folder), config, requested("simulated", symbols, days), ())


def real(folder: Path, exchange: str, symbols: Sequence[str], days: int) -> Market:
    """The last ``days`` of the candle files in ``folder`` or its ``ohlcv``, with the fear and greed index where its
    ``sentiment`` has it. Raises CandleError when a file is missing."""
    candles = folder / "ohlcv" if (folder / "ohlcv").is_dir() else folder
    files = [candles / f"{exchange.upper()}_{each.replace('/', '-')}_1h.csv.gz" for each in symbols]
    files += folder.glob("sentiment/FEAR_GREED_1d.*")
    config = AutopilotConfig.of({"exchange": "replay", "replay": {"source": exchange}})
    with tempfile.TemporaryDirectory(prefix="autopilot-bench-") as kept:
        return _histories(Path(kept), config, requested("replay", symbols, days), files)


def ended(market: Market, until_ms: int, days: int) -> Market:
    """As it was known at ``until_ms``, to be learned from ``days`` long."""
    length = days * HOUR.per_day + candles_before(HOUR) + 1
    return tuple(
        replace(each, candles=each.candles.until(until_ms)[-length:], since_ms=until_ms - days * DAY_MS)
        for each in market
    )


def _histories(kept: Path, config: AutopilotConfig, request: TrainingRequest, files: Sequence[Path]) -> Market:
    with closing(open_database(kept / "autopilot.db")) as database:
        for file in files:
            if file.name.startswith("FEAR_GREED"):
                import_sentiment(SqliteSentiment(database), file)
            else:
                import_path(SqliteCandles(database), file)
        return asyncio.run(TrainingData(config, database, lambda: 0).histories(request, lambda *_: None))


def without_direction(market: Market, seed: int) -> Market:
    """The same candles, on which nothing can be earned."""
    return tuple(surrogate(each, seed) for each in market)


def true_regimes(seed: int, data: TrainingSet) -> IntArray:
    """The regime that made the decided candle of each sample of a simulated market, int64[n] into `REGIMES`."""
    found = np.empty(len(data), dtype=np.int64)
    opened = data.at_ms - HOUR.ms
    for number, symbol in enumerate(data.symbols):
        rows = np.flatnonzero(data.symbol == number)
        first, last = (block_number(HOUR, int(opened[at])) for at in rows[[0, -1]])
        blocks = [make_block(seed, symbol, HOUR, block) for block in range(first, last + 1)]
        truth = {
            at: regime
            for each in blocks
            for at, regime in zip(each.candles.open_at_ms.tolist(), each.regimes, strict=True)
        }
        found[rows] = [REGIMES.index(truth[at]) for at in opened[rows].tolist()]
    return found


@dataclass(frozen=True, slots=True)
class Planted:
    """A problem by formula: which of the first four groups pays ``edge`` usual moves is one hidden normal cause, cut in
    four bands; whether any does, the sign of another. Each cause is seen in ``copies`` of ``width`` features, each with
    a noise of its own of standard deviation ``noise``; the other features say nothing."""

    copies: int
    width: int
    noise: float
    edge: float = 1.0
    loss: float = 0.1

    def draw(self, seed: int, samples: int) -> TrainingSet:
        """One strategy a group, four symbols, 700 days."""
        random = np.random.default_rng(seed)
        causes = random.normal(size=(2, samples))
        features = random.normal(size=(samples, self.width))
        for at, cause in enumerate(causes):
            seen = slice(at * self.copies, (at + 1) * self.copies)
            features[:, seen] = cause[:, None] + self.noise * features[:, seen]
        unit = np.full(samples, 0.02)
        pays = np.searchsorted(BANDS, causes[0])
        returns = random.normal(-self.loss, 1.0, size=(samples, len(STRATEGY_GROUPS))) * unit[:, None]
        returns[np.arange(samples), pays] += self.edge * unit * (causes[1] > 0.0)
        at_ms = np.sort(random.integers(0, 700, size=samples)) * DAY_MS + DAY_MS // 2
        return TrainingSet(
            names=tuple(f"feature_{number}" for number in range(self.width)),
            strategies=tuple(StrategyProfile(f"strategy_{group}", group, {}) for group in STRATEGY_GROUPS),
            symbols=tuple(f"S{number}/USD" for number in range(4)),
            features=features,
            returns=returns,
            picks=np.tile(np.arange(len(STRATEGY_GROUPS)), (samples, 1)),
            best_past=np.zeros(samples, dtype=np.int64),
            latest=np.zeros((samples, len(STRATEGY_GROUPS))),
            at_ms=at_ms,
            matured_ms=at_ms + DAY_MS,
            symbol=random.integers(4, size=samples),
            unit=unit,
            hold=np.zeros(samples),
            regime=np.zeros(samples, dtype=np.int8),
            rule_group=np.full(samples, len(STRATEGY_GROUPS) - 1),
        )

    def probabilities(self, features: FloatArray) -> FloatArray:
        """The true probability of each class given the features, float64[n, g + 1]: the best possible prediction."""
        blur = self.noise**2 / self.copies
        which, whether = (
            features[:, at * self.copies :][:, : self.copies].mean(axis=1) / (1.0 + blur) for at in (0, 1)
        )
        spread = np.sqrt(blur / (1.0 + blur))
        below = norm.cdf((BANDS - which[:, None]) / spread)
        bands = np.diff(below, axis=1, prepend=0.0, append=1.0)
        pays = norm.cdf(whether / spread)[:, None]
        return np.asarray(
            pays * (bands @ np.stack([self._shares(band) for band in range(4)])) + (1 - pays) * self._shares()
        )

    def _shares(self, paying: int | None = None) -> FloatArray:
        """Of the classes when that group pays, float64[g + 1], by the trapezoidal rule over the best outcome."""
        mean = np.full(len(STRATEGY_GROUPS), -self.loss)
        if paying is not None:
            mean[paying] += self.edge
        best = np.linspace(0.0, 10.0, 4001)[:, None]
        others = norm.cdf(best - mean)
        density = norm.pdf(best - mean) * others.prod(axis=1, keepdims=True) / others
        shares = np.trapezoid(density, best, axis=0)
        return np.append(shares, 1.0 - shares.sum())
